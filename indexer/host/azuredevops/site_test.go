package azuredevops

import (
	"errors"
	"slices"
	"testing"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

func TestTheURLOfTheServicesTellsOrganisationAndProject(t *testing.T) {
	const example = "https://dev.azure.example.com"
	for _, c := range []struct {
		config                         host.Config
		root, profiles, owner, project string
		list                           string
	}{
		{host.Config{}, "https://dev.azure.com", cloudProfiles, "", "", "/x/_apis/git/repositories"},
		{host.Config{URL: "https://dev.azure.com/acme/"}, "https://dev.azure.com", cloudProfiles, "acme", "", "/acme/_apis/git/repositories"},
		{host.Config{Organisation: "acme"}, "https://dev.azure.com", cloudProfiles, "acme", "", "/acme/_apis/git/repositories"},
		{host.Config{URL: "https://dev.azure.com/acme/Web%20Site"}, "https://dev.azure.com", cloudProfiles, "acme", "Web Site",
			"/acme/Web%20Site/_apis/git/repositories"},
		{host.Config{URL: "https://Acme.VisualStudio.com"}, "https://Acme.VisualStudio.com", cloudProfiles, "acme", "", "/_apis/git/repositories"},
		{host.Config{URL: "https://acme.visualstudio.com/DefaultCollection"}, "https://acme.visualstudio.com", cloudProfiles, "acme", "",
			"/_apis/git/repositories"},
		{host.Config{URL: "https://acme.visualstudio.com/DefaultCollection/Payments"}, "https://acme.visualstudio.com", cloudProfiles, "acme",
			"Payments", "/Payments/_apis/git/repositories"},
		{host.Config{URL: "https://dev.azure.com/acme", API: example + "/"}, example, example + "/", "acme", "", "/acme/_apis/git/repositories"},
	} {
		s, err := services(c.config)
		if err != nil {
			t.Errorf("%+v: %v", c.config, err)
			continue
		}
		owner := s.owner
		if owner == "" {
			owner = "x"
		}
		if s.root != c.root || s.profiles != c.profiles || s.owner != c.owner || s.project != c.project || s.listed(owner) != c.list {
			t.Errorf("%+v: got %+v, list %s", c.config, s, s.listed(owner))
		}
	}
}

func TestTheURLOfAServerMayEndInACollection(t *testing.T) {
	for _, c := range []struct {
		config      host.Config
		root, owner string
	}{
		{host.Config{URL: "https://tfs.example.com"}, "https://tfs.example.com", ""},
		{host.Config{URL: "https://tfs.example.com:8080/TFS/"}, "https://tfs.example.com:8080/TFS", ""},
		{host.Config{URL: "https://tfs.example.com/tfs/DefaultCollection"}, "https://tfs.example.com/tfs", "DefaultCollection"},
		{host.Config{URL: "https://tfs.example.com/My%20Collection"}, "https://tfs.example.com", "My Collection"},
		{host.Config{URL: "https://tfs.example.com/tfs", Organisation: "Archive"}, "https://tfs.example.com/tfs", "Archive"},
		{host.Config{URL: "https://tfs.example.com/tfs/Archive", Organisation: "archive"}, "https://tfs.example.com/tfs", "Archive"},
		{host.Config{URL: "https://example.com", API: "https://example.com/code/azure"}, "https://example.com/code/azure", ""},
	} {
		s, err := server(c.config)
		if err != nil || s.root != c.root || s.owner != c.owner {
			t.Errorf("%+v: got %+v, %v", c.config, s, err)
		}
	}
}

func TestWhatCannotBeUnderstoodOfAConfigurationIsRefused(t *testing.T) {
	token := hosttest.Secret("t")
	for name, c := range map[string]host.Config{
		"no token":                                {URL: "https://example.com/acme"},
		"no URL of http":                          {URL: "dev.azure.com/acme", Token: token},
		"credentials in the URL":                  {URL: "https://bot:secret@example.com/acme", Token: token},
		"two organisations":                       {URL: "https://example.com/acme", Organisation: "globex", Token: token},
		"an API that is no URL":                   {URL: "https://example.com/acme", API: "/api", Token: token},
		"a query beside the path":                 {URL: "https://example.com/acme?x=1", Token: token},
		"the URL of a repository":                 {URL: "https://example.com/acme/Payments/_git/billing-api", Token: token},
		"the URL of one as its project is called": {URL: "https://example.com/acme/_git/shop", Token: token},
	} {
		for _, newHost := range []func(host.Config) (host.Host, error){New, NewServer} {
			if _, err := newHost(c); !errors.Is(err, host.ErrConfig) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	if _, err := New(host.Config{URL: "https://dev.azure.com/acme/Payments/backlog", Token: token}); !errors.Is(err, host.ErrConfig) {
		t.Errorf("a page of a project: got %v", err)
	}
	if _, err := NewServer(host.Config{Token: token}); !errors.Is(err, host.ErrConfig) {
		t.Errorf("a server without a URL: got %v", err)
	}
}

func TestEveryFormOfAURLOfTheServicesNamesTheRepository(t *testing.T) {
	s, err := services(host.Config{})
	if err != nil {
		t.Fatal(err)
	}
	site := place{"acme", "Web Site", "legacy web"}
	same := place{"acme", "shop", "shop"}
	for url, want := range map[string]place{
		"https://dev.azure.com/acme/Web%20Site/_git/legacy%20web":                           site,
		"https://acme@dev.azure.com/acme/Web%20Site/_git/legacy%20web":                      site,
		"https://acme.visualstudio.com/Web%20Site/_git/legacy%20web":                        site,
		"https://acme.visualstudio.com/DefaultCollection/Web%20Site/_git/legacy%20web":      site,
		"https://ACME.visualstudio.com:443/defaultcollection/Web%20Site/_git/legacy%20web/": site,
		"https://dev.azure.com/acme/_git/shop":                                              same,
		"https://acme.visualstudio.com/_git/shop":                                           same,
		"https://acme.visualstudio.com/DefaultCollection/_git/shop":                         same,
		"https://dev.azure.com/acme":                                                        {},
		"git@ssh.dev.azure.com:v3/acme/shop/shop":                                           {},
	} {
		if got, ok := s.place(url); got != want || ok != (want != place{}) {
			t.Errorf("%s: got %+v", url, got)
		}
	}
	got := s.urls(same)
	for _, want := range []string{
		"https://dev.azure.com/acme/shop/_git/shop",
		"https://dev.azure.com/acme/_git/shop",
		"https://acme.visualstudio.com/shop/_git/shop",
		"https://acme.visualstudio.com/_git/shop",
		"https://acme.visualstudio.com/DefaultCollection/shop/_git/shop",
		"https://acme.visualstudio.com/DefaultCollection/_git/shop",
		"git@ssh.dev.azure.com:v3/acme/shop/shop",
		"acme@vs-ssh.visualstudio.com:v3/acme/shop/shop",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %v", want, got)
		}
	}
	if got := s.urls(site); slices.Contains(got, "https://dev.azure.com/acme/_git/legacy%20web") || len(got) != 5 {
		t.Errorf("a repository that is not called as its project has the URLs %v", got)
	}
}

func TestEveryFormOfAURLOfAServerNamesTheRepository(t *testing.T) {
	s, err := server(host.Config{URL: "https://tfs.example.com:8080/tfs"})
	if err != nil {
		t.Fatal(err)
	}
	same := place{"Archive", "shop", "shop"}
	for url, want := range map[string]place{
		"https://tfs.example.com/tfs/Archive/Web%20Site/_git/legacy%20web": {"Archive", "Web Site", "legacy web"},
		"http://tfs:8080/TFS/Archive/_git/shop":                            same,
		"http://tfs:8080/inner/way/Archive/shop/_git/shop":                 same,
		"http://acme.visualstudio.com/Archive/shop/_git/shop":              same,
		"https://tfs.example.com/tfs/Archive":                              {},
	} {
		if got, ok := s.place(url); got != want || ok != (want != place{}) {
			t.Errorf("%s: got %+v", url, got)
		}
	}
	want := []string{"https://tfs.example.com:8080/tfs/Archive/shop/_git/shop", "https://tfs.example.com:8080/tfs/Archive/_git/shop"}
	if got := s.urls(same); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
