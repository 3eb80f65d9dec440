package link

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func TestTemplatesTakeTheVariablesOfGitIntegrationForJira(t *testing.T) {
	sum := sha256.Sum256([]byte("docs/é.md"))
	commit := Commit{OID: oid, Parent: oid256, Branch: "feature/ACME 42"}
	for _, test := range []struct{ name, got, want string }{
		{"github", must(t, Templates{File: "https://git.example.com/tools/commit/${rev}#diff-${sha256path}"}).File(commit, "docs/é.md"),
			"https://git.example.com/tools/commit/" + oid + "#diff-" + hex.EncodeToString(sum[:])},
		{"gitlab", must(t, Templates{File: "https://git.example.com/${sha1path}"}).File(commit, "README.md"),
			"https://git.example.com/8ec9a00bfd09b3190ac6b22251dbb1aa95a0579d"},
		{"enterprise", must(t, Templates{File: "https://git.example.com/${md5}"}).File(commit, "README.md"),
			"https://git.example.com/04c6e90faac2675aa89e2176d2eec7d8"},
		{"bonobo", must(t, Templates{Commit: `http://git.example.com/Bonobo.Git.Server/Repository/tools/$convert(${branch},"/","~2")/Commit/${rev}`}).Commit(commit),
			"http://git.example.com/Bonobo.Git.Server/Repository/tools/feature~2ACME%2042/Commit/" + oid},
		{"gitweb", must(t, Templates{File: "https://git.example.com/?p=tools.git;a=blobdiff;f=${path};hb=${rev};hpb=${parent}"}).File(commit, "a;b/c&d.md"),
			"https://git.example.com/?p=tools.git;a=blobdiff;f=a%3Bb%2Fc%26d.md;hb=" + oid + ";hpb=" + oid256},
		{"cgit", must(t, Templates{File: "https://git.example.com/cgit/tools/diff/${path}?id=${rev}"}).File(commit, "a?b/c#d.md"),
			"https://git.example.com/cgit/tools/diff/a%3Fb/c%23d.md?id=" + oid},
		{"pull request", must(t, Templates{PullRequest: "https://git.example.com:8080/#/c/${mergereqId}/?tab=${mergereqId}"}).PullRequest("7/1"),
			"https://git.example.com:8080/#/c/7/1/?tab=7/1"},
		{"branch", must(t, Templates{Branch: "https://git.example.com?h=${branch}"}).Branch("a+b"), "https://git.example.com?h=a%2Bb"},
		{"tag", must(t, Templates{Tag: "https://git.example.com/t/${tag}"}).Tag("v1/é"), "https://git.example.com/t/v1/%C3%A9"},
		{"compare", must(t, Templates{Compare: "https://git.example.com/${base}..${head}"}).Compare("main", oid), "https://git.example.com/main.." + oid},
		{"blanks in $convert", must(t, Templates{Branch: `https://git.example.com/$convert( ${branch} , "/" , "" )`}).Branch("a/b"), "https://git.example.com/ab"},
		{"a literal $", must(t, Templates{Branch: "https://git.example.com/$/$a/${branch}$"}).Branch("b"), "https://git.example.com/$/$a/b$"},
		{"odd literals", must(t, Templates{Branch: `https://git.example.com/my tools/é/%20"\/${branch}`}).Branch("b"), "https://git.example.com/my%20tools/%C3%A9/%20%22%5C/b"},
		{"the repository", must(t, Templates{Commit: "https://git.example.com/${repository}/commit/?id=${rev}"}).Of("acme/odd shop").Commit(commit),
			"https://git.example.com/acme/odd%20shop/commit/?id=" + oid},
		{"a repository without a name", must(t, Templates{Tag: "https://git.example.com/${repository}/${tag}"}).Tag("v1"), ""},
		{"a repository that leads elsewhere", must(t, Templates{Tag: "https://git.example.com/a/${repository}/${tag}"}).Of("../b").Tag("v1"), ""},
		{"no variable", must(t, Templates{Tag: "https://git.example.com"}).Tag("v1"), "https://git.example.com"},
		{"no template", must(t, Templates{}).Tag("v1"), ""},
		{"an unknown branch", must(t, Templates{Commit: "https://git.example.com/${branch}/${rev}"}).Commit(Commit{OID: oid}), ""},
		{"the parent of a root", must(t, Templates{Commit: "https://git.example.com/${parent}"}).Commit(Commit{OID: oid}), ""},
		{"dots that meet a literal", must(t, Templates{Branch: "https://git.example.com/a/.${branch}/b"}).Branch("."), ""},
		{"dots made by $convert", must(t, Templates{Branch: `https://git.example.com/$convert(${branch},"-",".")`}).Branch("a/--/b"), ""},
		{"dots in a query", must(t, Templates{Branch: `https://git.example.com/?f=/../${branch}`}).Branch("../x"), "https://git.example.com/?f=/../..%2Fx"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got  %s\nwant %s", test.name, test.got, test.want)
		}
	}
}

// must compiles templates that are right.
func must(t testing.TB, templates Templates) Maker {
	t.Helper()
	m, err := Compile(templates)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestATemplateIsRefusedWithWhatIsWrongInIt(t *testing.T) {
	const host = "https://git.example.com/"
	for _, test := range []struct {
		templates Templates
		want      string
	}{
		{Templates{Commit: host + "${sha}"}, "the commit link: the template has the variable ${sha}, which this link does not have; it has ${rev}, ${parent}, ${branch}"},
		{Templates{Branch: host + "${rev}"}, "the branch link: the template has the variable ${rev}, which this link does not have; it has ${branch}"},
		{Templates{Tag: host + "${branch}"}, "the tag link: the template has the variable ${branch}, which this link does not have; it has ${tag}"},
		{Templates{File: host + "${blob}"}, "the file link: the template has the variable ${blob}"},
		{Templates{PullRequest: host + "${mergeReqId}"}, "the pull request link: the template has the variable ${mergeReqId}"},
		{Templates{Compare: host + "${}"}, "the compare link: the template has the variable ${}"},
		{Templates{Commit: host + "${rev"}, "has a ${ without its }"},
		{Templates{Branch: host + `$upper(${branch})`}, "has the unknown function $upper; there is only $convert"},
		{Templates{Branch: host + `$convert(${branch},"/")`}, errConvert.Error()},
		{Templates{Branch: host + `$convert(${branch},"/","~2"`}, errConvert.Error()},
		{Templates{Branch: host + `$convert(${branch},"","~2")`}, errConvert.Error()},
		{Templates{Branch: host + `$convert(branch,"/","~2")`}, errConvert.Error()},
		{Templates{Branch: host + `$convert(${branch},'/','~2')`}, errConvert.Error()},
		{Templates{Branch: host + `$convert(${rev},"/","~2")`}, "has the variable ${rev}"},
		{Templates{Commit: "${rev}"}, errNoAddress.Error()},
		{Templates{Commit: "/commit/${rev}"}, errNoAddress.Error()},
		{Templates{Commit: "//git.example.com/${rev}"}, errNoAddress.Error()},
		{Templates{Commit: "javascript:alert('${rev}')"}, errNoAddress.Error()},
		{Templates{Commit: "javascript://git.example.com/${rev}"}, errNoAddress.Error()},
		{Templates{Commit: "${rev}://git.example.com/"}, errNoAddress.Error()},
		{Templates{Commit: " https://git.example.com/${rev}"}, errNoAddress.Error()},
		{Templates{Commit: "https://${rev}/"}, "has a variable in its host; write the host out"},
		{Templates{Commit: "https://git.example.com${rev}"}, "has a variable in its host; write the host out"},
		{Templates{Branch: `https://git.example.com$convert(${branch},"a","b")`}, "has a variable in its host; write the host out"},
		{Templates{Commit: `https://git.example.com\@evil.example.com/${rev}`}, errHost.Error()},
		{Templates{Commit: "https://git.example.com,evil.example.com/${rev}"}, errHost.Error()},
		{Templates{Commit: "https://robin:hunter2@git.example.com/${rev}"}, errUser.Error()},
		{Templates{Commit: host + "../${rev}"}, errDotSegments.Error()},
		{Templates{Commit: host + ".%2E/${rev}"}, errDotSegments.Error()},
		{Templates{Commit: host + "a\n${rev}"}, "holds a control character"},
		{Templates{Commit: host + "100%/${rev}"}, "has a % that two hexadecimal digits do not follow"},
		{Templates{Commit: host + "%${rev}"}, "has a % that two hexadecimal digits do not follow"},
	} {
		_, err := Compile(test.templates)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Compile(%+v) = %v, want %s", test.templates, err, test.want)
		}
	}
}
