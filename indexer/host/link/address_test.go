package link

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// oddNames are names in which an address is apt to go wrong.
func oddNames() []string {
	return []string{
		"main", "a b", "a#b", "a?b", "a%b", "a%2Fb", "a%2e%2e", "a+b", "a&b=c", "a;b", "a:b", "a@b", "a\\b", "a'b", `a"b`, "<a>", "a`b",
		"{a}", "${rev}", "$convert(a)", "ä/ö", "日本", "a\xffb", "a\nb", "a\x00b", "//evil.example.com/", "/a/", "a//b", "a...b", "...",
		"http://evil.example.com", "javascript:alert(1)", "@evil.example.com", "..", ".", "a/../b", "a/./b", "../a", "a/..", "%2e%2e", "~2", "a|b^c",
	}
}

// wanted says for a page of each host how its address reads when it is decoded, with NAME for the name.
func wanted() []struct{ repository, page, decoded string } {
	return []struct{ repository, page, decoded string }{
		{"azure-devops", "branch", "/acme/Web Site/_git/legacy web?version=GBNAME"},
		{"azure-devops", "tag", "/acme/Web Site/_git/legacy web?version=GTNAME"},
		{"azure-devops", "file", "/acme/Web Site/_git/legacy web?path=/NAME&version=GC" + oid},
		{"azure-devops", "compare", "/acme/Web Site/_git/legacy web/branchCompare?baseVersion=GBmain&targetVersion=GBNAME"},
		{"github", "branch", "/acme/billing-api/tree/NAME"},
		{"github", "tag", "/acme/billing-api/releases/tag/NAME"},
		{"github", "file", "/acme/billing-api/blob/" + oid + "/NAME"},
		{"github", "compare", "/acme/billing-api/compare/main...NAME"},
		{"gitlab", "branch", "/gitlab/acme/payments/billing-api/-/tree/NAME"},
		{"gitlab", "file", "/gitlab/acme/payments/billing-api/-/blob/" + oid + "/NAME"},
		{"gitea", "tag", "/acme/billing-api/src/tag/NAME"},
		{"bitbucket-server", "branch", "/projects/PAY/repos/billing-api/browse?at=refs/heads/NAME"},
		{"bitbucket-server", "file", "/projects/PAY/repos/billing-api/browse/NAME?at=" + oid},
		{"bitbucket-server", "compare", "/projects/PAY/repos/billing-api/compare/diff?sourceBranch=refs/heads/NAME&targetBranch=refs/heads/main"},
		{"codecommit", "branch", "/codesuite/codecommit/repositories/billing-api/browse/refs/heads/NAME?region=eu-west-1"},
		{"codecommit", "file", "/codesuite/codecommit/repositories/billing-api/browse/" + oid + "/--/NAME?region=eu-west-1"},
		{"gerrit", "branch", "/r/plugins/gitiles/payments/billing-api/+/refs/heads/NAME"},
		{"gerrit", "compare", "/r/plugins/gitiles/payments/billing-api/+log/refs/heads/main..refs/heads/NAME"},
	}
}

// address makes the address of a page of the name.
func (m Maker) address(page, name string) string {
	switch page {
	case "branch":
		return m.Branch(name)
	case "tag":
		return m.Tag(name)
	case "file":
		return m.File(Commit{OID: oid}, name)
	case "compare":
		return m.Compare("main", name)
	case "pull request":
		return m.PullRequest(name)
	default:
		return m.Commit(Commit{OID: name})
	}
}

// decode reads an address as a server does: the path, then the query by its names.
func decode(t rapid.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("the address %q: %v", address, err)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		t.Fatalf("the query of %q: %v", address, err)
	}
	var values []string
	for name, v := range query {
		values = append(values, name+"="+strings.Join(v, "|"))
	}
	if len(values) == 0 {
		return u.Path
	}
	slices.Sort(values)
	return u.Path + "?" + strings.Join(values, "&")
}

// nameOfAnyKind draws a name of odd characters.
func nameOfAnyKind() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom(oddNames()),
		rapid.StringN(1, 12, 40),
		rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte("a./\\%2eF?#+&=;:@$ \"'<\xc3\xa9\x00\n")), 1, 12), func(b []byte) string { return string(b) }),
	)
}

func TestEveryNameIsReadBackFromItsAddressOrHasNone(t *testing.T) {
	dots := dotSegment()
	makers := map[string]Maker{}
	for _, w := range wanted() {
		makers[w.repository] = maker(t, w.repository)
	}
	check := func(t rapid.TB, name string) {
		for _, w := range wanted() {
			got := makers[w.repository].address(w.page, name)
			want := strings.ReplaceAll(w.decoded, "NAME", name)
			switch {
			case dots.MatchString(strings.ReplaceAll(path(w.decoded), "NAME", strings.ReplaceAll(name, "%", "%25"))):
				if got != "" {
					t.Errorf("%s of %s: %q is not to have an address, has %s", w.page, w.repository, name, got)
				}
			case got == "":
				t.Errorf("%s of %s: %q has no address", w.page, w.repository, name)
			case decode(t, got) != want:
				t.Errorf("%s of %s: %q reads back as %q, want %q", w.page, w.repository, got, decode(t, got), want)
			}
		}
	}
	for _, name := range oddNames() {
		check(t, name)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, nameOfAnyKind().Draw(t, "name")) })
}

// checkOnHost checks that an address is one on the host that it was made for, to browsers too.
func checkOnHost(t rapid.TB, address, origin string) {
	t.Helper()
	if address == "" {
		return
	}
	rest, ok := strings.CutPrefix(address, origin)
	if !ok || rest != "" && !strings.ContainsAny(rest[:1], "/?#") {
		t.Fatalf("the address %q is not on %q", address, origin)
	}
	if i := strings.IndexFunc(address, func(r rune) bool { return !strings.ContainsRune(legal, r) }); i >= 0 {
		t.Fatalf("the address %q holds what no address can, at %d", address, i)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("the address %q: %v", address, err)
	}
	if u.User != nil || u.Scheme+"://"+u.Host != origin {
		t.Fatalf("the address %q is not on %q", address, origin)
	}
	if dotSegment().MatchString(u.EscapedPath()) {
		t.Fatalf("browsers resolve the path of %q", address)
	}
}

// dotSegment matches a path in which browsers resolve a segment.
func dotSegment() *regexp.Regexp { return regexp.MustCompile(`(?i)(^|/)(\.|%2e){1,2}(/|$)`) }

func FuzzNoNameLeavesItsHost(f *testing.F) {
	for _, name := range oddNames() {
		f.Add(name)
	}
	makers, origin := map[string]Maker{}, regexp.MustCompile(`^https?://[^/]*`)
	for repository, r := range repositories() {
		makers[origin.FindString(r.repository.WebURL+r.repository.ServerURL)+" "+r.kind] = maker(f, repository)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for key, m := range makers {
			origin, _, _ := strings.Cut(key, " ")
			for _, page := range []string{"commit", "branch", "tag", "file", "compare", "pull request"} {
				checkOnHost(t, m.address(page, name), origin)
			}
		}
	})
}

func FuzzNoTemplateLeavesTheHostThatItNames(f *testing.F) {
	for _, text := range []string{
		"https://git.example.com/${branch}", "https://git.example.com?b=${branch}", "https://git.example.com#${branch}",
		`http://git.example.com/$convert(${branch},"/","~2")?q=${branch}#/${branch}`, "https://git.example.com:80${branch}",
		`https://git.example.com\${branch}`, "https://git.example.com@${branch}/", "https://[::1]:80/.${branch}", "javascript://a/${branch}",
		"https://", "https://a/%2e$convert(${branch},\"a\",\".\")", "HTTPS://GIT.example.com/é ${branch}",
	} {
		for _, name := range []string{"main", ".", "../a", "@evil.example.com", `\evil`} {
			f.Add(text, name)
		}
	}
	host := regexp.MustCompile(`(?i)^https?://[^/?#\\@$]+`)
	f.Fuzz(func(t *testing.T, text, name string) {
		m, err := Compile(Templates{Branch: text})
		if err != nil || text == "" {
			return
		}
		origin := host.FindString(text)
		address := m.Branch(name)
		if scheme, rest, ok := strings.Cut(origin, "://"); ok && address != "" {
			origin = strings.ToLower(scheme) + "://" + rest
			address = strings.ToLower(address[:len(scheme)]) + address[len(scheme):]
		}
		checkOnHost(t, address, origin)
	})
}
