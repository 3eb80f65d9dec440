package webhook

import (
	"slices"
	"testing"

	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/storage"
)

func TestAllURLsOfARepositoryAreOnePlace(t *testing.T) {
	for _, c := range []struct {
		place string
		urls  []string
	}{
		{"git.example.com/acme/shop", []string{
			"https://git.example.com/acme/shop.git", "http://git.example.com/acme/shop", "https://Git.Example.COM/acme/shop/",
			"https://bot:pw@git.example.com:8443/acme/shop.git?a=b#c", "ssh://git@git.example.com:2222/acme/shop.git",
			"git@git.example.com:acme/shop.git", "git.example.com:acme/shop", "git://git.example.com/Acme/Shop.git",
			"https://git.example.com//acme/./shop.git/", " https://git.example.com./acme/%73hop ",
		}},
		{"git.example.com/a b/c", []string{"https://git.example.com/a%20b/c", "git@git.example.com:a%20b/c.git"}},
		{"2001:db8::1/acme/shop", []string{"ssh://[2001:db8::1]:22/acme/shop.git"}},
		{"dev.azure.com/acme/pay/_git/billing", []string{
			"https://dev.azure.com/acme/pay/_git/billing", "https://acme@dev.azure.com/acme/pay/_git/billing",
			"https://acme.visualstudio.com/pay/_git/billing", "https://acme.visualstudio.com/DefaultCollection/pay/_git/billing",
			"git@ssh.dev.azure.com:v3/acme/pay/billing", "acme@vs-ssh.visualstudio.com:v3/acme/pay/billing",
		}},
		{"dev.azure.com/acme/_git/pay", []string{
			"https://dev.azure.com/acme/_git/pay", "https://dev.azure.com/acme/pay/_git/pay", "https://acme.visualstudio.com/_git/pay",
			"https://acme.visualstudio.com/DefaultCollection/_git/pay", "git@ssh.dev.azure.com:v3/acme/pay/pay",
		}},
		{"tfs.example.com/tfs/pay/_git/billing", []string{"http://tfs.example.com:8080/tfs/DefaultCollection/Pay/_git/billing"}},
		{"/srv/git/Shop", []string{
			"/srv/git/Shop", "/srv/git/Shop.git", "/srv/git/./Shop/", "/srv/git/Shop/.git", "file:///srv/git/Shop.git", " /srv/git/Shop.git\n",
		}},
		{"", []string{"", "/", "file:///", "srv/git/shop.git", "https://", "https://%zz/", "not a url", "./a:b"}},
	} {
		for _, u := range c.urls {
			if got := placeOf(u); got != c.place {
				t.Errorf("%q is at %q, want %q", u, got, c.place)
			}
		}
	}
}

func TestARepositoryIsFoundByItsHostsIDBeforeItsURL(t *testing.T) {
	spec := func(id, url, web string) storage.RepositorySpec {
		return storage.RepositorySpec{Integration: "acme", HostID: id, URL: url, WebURL: web}
	}
	known := newTable([]indexer.Registered{
		{ID: 1, Spec: spec("10", "https://git.example.com/a.git", "https://git.example.com/projects/a")},
		{ID: 2, Spec: spec("20", "https://git.example.com/b.git", "")},
		{ID: 3, Spec: spec("30", "ssh://git@git.example.com/b.git", "")},
		{ID: 4, Spec: storage.RepositorySpec{Integration: "other", HostID: "10", URL: "https://git.example.com/a.git"}},
	}, 1).of["acme"]
	for _, c := range []struct {
		id     string
		urls   []string
		want   []storage.RepositoryID
		isSure bool
	}{
		{"10", []string{"https://git.example.com/b.git"}, []storage.RepositoryID{1}, true}, // it has moved
		{"", []string{"https://git.example.com/projects/a"}, []storage.RepositoryID{1}, true},
		{"", []string{"https://git.example.com/x", "https://git.example.com/b"}, []storage.RepositoryID{2, 3}, true},
		{"99", []string{"https://git.example.com/a.git"}, []storage.RepositoryID{1}, false}, // made anew in its place
		{"99", nil, nil, false},
		{"", nil, nil, false},
	} {
		got, isSure := known.find(subjectOf(host.Subject{ID: c.id, URLs: c.urls}))
		if !slices.Equal(got, c.want) || isSure != c.isSure {
			t.Errorf("%q %q: %v, sure: %v", c.id, c.urls, got, isSure)
		}
	}
	var none *names
	if got, isSure := none.find(subject{id: "10"}); got != nil || isSure {
		t.Errorf("an integration without repositories: %v, sure: %v", got, isSure)
	}
}
