package link

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	oid    = "94e715bc56d4862d186fcbbf13bf3434c2f6204b"
	oid256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

// repositories has one repository of each kind of host, and of each form that its addresses come in.
func repositories() map[string]struct {
	kind       string
	repository Repository
} {
	type entry = struct {
		kind       string
		repository Repository
	}
	return map[string]entry{
		"azure-devops":     {"azure-devops", Repository{WebURL: "https://dev.azure.com/acme/Web%20Site/_git/legacy%20web"}},
		"visualstudio.com": {"azure-devops", Repository{WebURL: "https://acme.visualstudio.com/Payments/_git/billing-api"}},
		"azure-devops-server": {"azure-devops-server",
			Repository{WebURL: "https://tfs.example.com:8443/tfs/DefaultCollection/Payments/_git/infra"}},
		"github":            {"github", Repository{WebURL: "https://github.com/acme/billing-api"}},
		"github enterprise": {"github", Repository{WebURL: "https://ghes.example.com/acme/billing-api/"}},
		"github-app":        {"github-app", Repository{WebURL: "https://github.com/acme/billing-api"}},
		"gitlab":            {"gitlab", Repository{WebURL: "https://example.com/gitlab/acme/payments/billing-api"}},
		"gitea":             {"gitea", Repository{WebURL: "http://[::1]:3000/acme/billing-api"}},
		"bitbucket-server": {"bitbucket-server",
			Repository{WebURL: "https://bitbucket.example.com/projects/PAY/repos/billing-api/browse"}},
		"bitbucket personal": {"bitbucket-server",
			Repository{WebURL: "https://bitbucket.example.com/users/robin/repos/notes"}},
		"codecommit": {"codecommit", Repository{Region: "eu-west-1",
			WebURL: "https://eu-west-1.console.aws.amazon.com/codesuite/codecommit/repositories/billing-api"}},
		"gerrit": {"gerrit", Repository{Name: "payments/billing-api", ServerURL: "https://gerrit.example.com/r/",
			WebURL: "https://gerrit.example.com/r/plugins/gitiles/payments/billing-api"}},
		"gerrit without gitiles": {"gerrit", Repository{Name: "payments/billing api", ServerURL: "https://gerrit.example.com"}},
		"folder":                 {"folder", Repository{}},
	}
}

// maker makes the Maker of one of the repositories.
func maker(t testing.TB, name string) Maker {
	t.Helper()
	r, ok := repositories()[name]
	if !ok {
		t.Fatalf("no repository %q", name)
	}
	m, err := For(r.kind, r.repository)
	if err != nil {
		t.Fatalf("For(%s): %v", name, err)
	}
	return m
}

// pages is an address of each kind, in the order of Maker's methods.
type pages struct{ Commit, Branch, Tag, File, PullRequest, Compare string }

// below puts the page's address before each.
func (p pages) below(page string) pages {
	for _, address := range []*string{&p.Commit, &p.Branch, &p.Tag, &p.File, &p.PullRequest, &p.Compare} {
		if *address != "" {
			*address = page + *address
		}
	}
	return p
}

func TestEveryHostShowsItsPagesAtItsOwnAddresses(t *testing.T) {
	azure := pages{
		"/commit/" + oid, "?version=GBfeature%2FACME-42", "?version=GTv1.0", "?path=%2Fsrc%2Fmain%20file.go&version=GC" + oid,
		"/pullrequest/7", "/branchCompare?baseVersion=GBmain&targetVersion=GBfeature%2FACME-42",
	}
	github := pages{
		"/commit/" + oid, "/tree/feature/ACME-42", "/releases/tag/v1.0", "/blob/" + oid + "/src/main%20file.go",
		"/pull/7", "/compare/main...feature/ACME-42",
	}
	bitbucket := pages{
		"/commits/" + oid, "/browse?at=refs%2Fheads%2Ffeature%2FACME-42", "/browse?at=refs%2Ftags%2Fv1.0",
		"/browse/src/main%20file.go?at=" + oid, "/pull-requests/7/overview",
		"/compare/diff?targetBranch=refs%2Fheads%2Fmain&sourceBranch=refs%2Fheads%2Ffeature%2FACME-42",
	}
	want := map[string]pages{
		"azure-devops":        azure.below("https://dev.azure.com/acme/Web%20Site/_git/legacy%20web"),
		"visualstudio.com":    azure.below("https://acme.visualstudio.com/Payments/_git/billing-api"),
		"azure-devops-server": azure.below("https://tfs.example.com:8443/tfs/DefaultCollection/Payments/_git/infra"),
		"github":              github.below("https://github.com/acme/billing-api"),
		"github enterprise":   github.below("https://ghes.example.com/acme/billing-api"),
		"github-app":          github.below("https://github.com/acme/billing-api"),
		"gitlab": pages{
			"/commit/" + oid, "/tree/feature/ACME-42", "/tags/v1.0", "/blob/" + oid + "/src/main%20file.go",
			"/merge_requests/7", "/compare/main...feature/ACME-42",
		}.below("https://example.com/gitlab/acme/payments/billing-api/-"),
		"gitea": pages{
			"/commit/" + oid, "/src/branch/feature/ACME-42", "/src/tag/v1.0", "/src/commit/" + oid + "/src/main%20file.go",
			"/pulls/7", "/compare/main...feature/ACME-42",
		}.below("http://[::1]:3000/acme/billing-api"),
		"bitbucket-server":   bitbucket.below("https://bitbucket.example.com/projects/PAY/repos/billing-api"),
		"bitbucket personal": bitbucket.below("https://bitbucket.example.com/users/robin/repos/notes"),
		"codecommit": pages{
			"/commit/" + oid + "?region=eu-west-1", "/browse/refs/heads/feature/ACME-42?region=eu-west-1",
			"/browse/refs/tags/v1.0?region=eu-west-1", "/browse/" + oid + "/--/src/main%20file.go?region=eu-west-1",
			"/pull-requests/7/details?region=eu-west-1", "",
		}.below("https://eu-west-1.console.aws.amazon.com/codesuite/codecommit/repositories/billing-api"),
		"gerrit": {
			"https://gerrit.example.com/r/plugins/gitiles/payments/billing-api/+/" + oid,
			"https://gerrit.example.com/r/plugins/gitiles/payments/billing-api/+/refs/heads/feature/ACME-42",
			"https://gerrit.example.com/r/plugins/gitiles/payments/billing-api/+/refs/tags/v1.0",
			"https://gerrit.example.com/r/plugins/gitiles/payments/billing-api/+/" + oid + "/src/main%20file.go",
			"https://gerrit.example.com/r/c/payments/billing-api/+/7",
			"https://gerrit.example.com/r/plugins/gitiles/payments/billing-api/+log/refs/heads/main..refs/heads/feature/ACME-42",
		},
		"gerrit without gitiles": {
			Commit:      "https://gerrit.example.com/q/commit:" + oid,
			PullRequest: "https://gerrit.example.com/c/payments/billing%20api/+/7",
		},
		"folder": {},
	}
	got := map[string]pages{}
	for name := range repositories() {
		m, c := maker(t, name), Commit{OID: oid}
		got[name] = pages{m.Commit(c), m.Branch("feature/ACME-42"), m.Tag("v1.0"), m.File(c, "src/main file.go"),
			m.PullRequest("7"), m.Compare("main", "feature/ACME-42")}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestObjectIDsAreComparedAsSuch(t *testing.T) {
	for _, test := range []struct{ name, base, head, want string }{
		{"visualstudio.com", oid, "main", "/branchCompare?baseVersion=GC" + oid + "&targetVersion=GBmain"},
		{"bitbucket personal", oid, oid256, "/compare/diff?targetBranch=" + oid + "&sourceBranch=" + oid256},
		{"gerrit", oid[:39], oid, "/+log/refs/heads/" + oid[:39] + ".." + oid},
		{"github", oid, oid256, "/compare/" + oid + "..." + oid256},
		{"github", oid, "", ""},
		{"visualstudio.com", "", "main", ""},
	} {
		got := maker(t, test.name).Compare(test.base, test.head)
		if !strings.HasSuffix(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s: Compare(%q, %q) = %q, want an end of %q", test.name, test.base, test.head, got, test.want)
		}
	}
}

func TestAPageThatNeedsWhatIsUnknownHasNoAddress(t *testing.T) {
	for name := range repositories() {
		m := maker(t, name)
		for _, got := range []string{
			m.Commit(Commit{}), m.Branch(""), m.Tag(""), m.File(Commit{OID: oid}, ""), m.File(Commit{}, "a"), m.PullRequest(""), m.Compare("", ""),
		} {
			if got != "" {
				t.Errorf("%s: an address without a name: %s", name, got)
			}
		}
	}
}

func TestARepositoryWithoutAPlainWebAddressIsRefused(t *testing.T) {
	const page = "the web URL of the repository "
	for _, test := range []struct {
		kind       string
		repository Repository
		want       string
	}{
		{"github", Repository{}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: "/acme/tools"}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: "//example.com/acme"}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: "javascript:alert(1)"}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: "javascript://example.com/%0aalert(1)"}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: "ssh://git@example.com/acme/tools"}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: "https:///acme/tools"}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: "https://:443/acme/tools"}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: "https://robin:hunter2@example.com:port/"}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: `https://example.com\@evil.example.com/`}, page + errNoAddress.Error()},
		{"github", Repository{WebURL: "https://exämple.com/acme"}, page + errHost.Error()},
		{"github", Repository{WebURL: `https://"onload=x"/acme`}, page + errHost.Error()},
		{"gitlab", Repository{WebURL: "https://example.com/acme/../tools"}, page + errDotSegments.Error()},
		{"gitlab", Repository{WebURL: "https://example.com/acme/%2e%2E/tools"}, page + errDotSegments.Error()},
		{"gitea", Repository{WebURL: "https://example.com/?p=tools"}, page + errMore.Error()},
		{"gitea", Repository{WebURL: "https://example.com/acme#tools"}, page + errMore.Error()},
		{"codecommit", Repository{WebURL: "https://example.com/acme"}, errRegion.Error()},
		{"codecommit", Repository{WebURL: "https://example.com/acme", Region: "eu-west-1&a=b"}, errRegion.Error()},
		{"gerrit", Repository{Name: "tools"}, "the address of the Gerrit server " + errNoAddress.Error()},
		{"gerrit", Repository{ServerURL: "https://gerrit.example.com"}, `the Gerrit project "" has a name that no address can hold`},
		{"gerrit", Repository{ServerURL: "https://gerrit.example.com", Name: "a/../b"}, `the Gerrit project "a/../b" has a name that no address can hold`},
		{"sourceforge", Repository{WebURL: "https://example.com/acme"}, `no links are known for hosts of the kind "sourceforge"; write link templates for it`},
	} {
		_, err := For(test.kind, test.repository)
		if err == nil || err.Error() != test.want {
			t.Errorf("For(%s, %+v) = %v, want %s", test.kind, test.repository, err, test.want)
		}
	}
}

func TestTheUserNameOfAWebAddressIsDropped(t *testing.T) {
	m, err := For("azure-devops", Repository{WebURL: "https://robin:hunter2@dev.azure.com/acme/_git/tools"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.PullRequest("7"), "https://dev.azure.com/acme/_git/tools/pullrequest/7"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCodeCommitsConsoleIsThatOfItsPartition(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1":     "https://eu-west-1.console.aws.amazon.com/codesuite/codecommit/repositories/billing-api",
		"cn-north-1":    "https://cn-north-1.console.amazonaws.cn/codesuite/codecommit/repositories/billing-api",
		"us-gov-west-1": "https://us-gov-west-1.console.amazonaws-us-gov.com/codesuite/codecommit/repositories/billing-api",
	} {
		if got, err := CodeCommitPage(region, "billing-api"); err != nil || got != want {
			t.Errorf("CodeCommitPage(%s) = %s, %v, want %s", region, got, err, want)
		}
	}
	for _, region := range []string{"", "eu-west-1.evil.example.com/", "-", "EU WEST"} {
		if got, err := CodeCommitPage(region, "billing-api"); err == nil {
			t.Errorf("CodeCommitPage(%q) = %s, want an error", region, got)
		}
	}
}
