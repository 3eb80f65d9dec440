package daemon

import (
	"strings"
	"testing"

	"keytrail/daemon/config"
	"keytrail/httpapi"
	"keytrail/storage"
)

const linkedSettings = `
integrations:
  - {name: hub, type: github, token: {env: TOKEN}}
  - name: lab
    type: gitlab
    token: {env: TOKEN}
    links: {commit: "https://review.example.com/${repository}/${rev}"}
  - {name: shelf, type: folder, path: /srv/git, links: {branch: "https://git.example.com/${repository}/log/?h=${branch}"}}
  - {name: review, type: gerrit, url: "https://review.example.com/r", username: bot, password: {env: PASSWORD}}
repositories:
  - {name: tools, url: "https://git.example.com/tools.git", links: {commit: "https://git.example.com/tools/$convert(${branch},'/','~2')/${rev}"}}
  - {name: plain, url: "https://git.example.com/plain.git"}
`

func TestPagesAreThoseOfTheTemplatesElseThoseOfTheKindOfHost(t *testing.T) {
	c, err := config.Parse("keytrail.yaml", []byte(strings.ReplaceAll(linkedSettings, `'/','~2'`, `\"/\",\"~2\"`)), checks())
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPages(c)
	if err != nil {
		t.Fatal(err)
	}
	var l links
	l.pages.Store(p)
	of := func(integration, id, name, web string) httpapi.Links {
		return l.of(storage.Repository{RepositorySpec: storage.RepositorySpec{Integration: integration, HostID: id, Name: name, WebURL: web}})
	}
	commit := httpapi.LinkedCommit{SHA: storage.OID{0xab}, Branch: "feature/x"}
	sha := commit.SHA.String()
	hub := of("hub", "1", "acme/shop", "https://github.com/acme/shop")
	lab := of("lab", "2", "acme/shop", "https://gitlab.com/acme/shop")
	for _, test := range []struct{ name, got, want string }{
		{"a known kind", hub.Commit(commit), "https://github.com/acme/shop/commit/" + sha},
		{"its tag", hub.Tag("v1"), "https://github.com/acme/shop/releases/tag/v1"},
		{"its file", hub.File(commit, "a b"), "https://github.com/acme/shop/blob/" + sha + "/a%20b"},
		{"its pull request", hub.PullRequest("7"), "https://github.com/acme/shop/pull/7"},
		{"a template before a known kind", lab.Commit(commit), "https://review.example.com/acme/shop/" + sha},
		{"a page that has no template", lab.Branch("x"), "https://gitlab.com/acme/shop/-/tree/x"},
		{"a template of a folder", of("shelf", "shop", "web/shop", "").Branch("x"), "https://git.example.com/web/shop/log/?h=x"},
		{"a page that a folder lacks", of("shelf", "shop", "web/shop", "").Commit(commit), ""},
		{"a Gerrit without a browser of code", of("review", "shop", "shop", "").Commit(commit), "https://review.example.com/r/q/commit:" + sha},
		{"a repository named by itself", of("", "https://git.example.com/tools.git", "tools", "").Commit(commit), "https://git.example.com/tools/feature~2x/" + sha},
		{"one without templates", of("", "https://git.example.com/plain.git", "plain", "").Commit(commit), ""},
		{"a host that names no page", of("hub", "1", "acme/shop", "").Commit(commit), ""},
		{"a page that is no web page", of("hub", "1", "acme/shop", "javascript:alert(1)").Commit(commit), ""},
		{"an integration that is gone", of("gone", "1", "acme/shop", "https://github.com/acme/shop").Commit(commit), ""},
		{"a commit without a known branch", of("", "https://git.example.com/tools.git", "tools", "").Commit(httpapi.LinkedCommit{SHA: commit.SHA}), ""},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
}

func TestALinkTemplateThatIsWrongIsAFaultOfItsLine(t *testing.T) {
	text := "repositories:\n  - name: tools\n    url: https://git.example.com/tools.git\n    links:\n      tag: \"https://git.example.com/${rev}\"\n"
	_, err := config.Parse("keytrail.yaml", []byte(text), checks())
	if err == nil || !strings.Contains(err.Error(), "keytrail.yaml:5:12: repositories[0].links.tag: the tag link: the template has the variable ${rev}") {
		t.Errorf("got %v", err)
	}
}
