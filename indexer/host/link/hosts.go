package link

import (
	"errors"
	"fmt"
	"strings"
)

// Repository is what the addresses of a known host are made from.
type Repository struct {
	// WebURL is the repository's page, as its host names it; on Gerrit its page in Gitiles, or empty where there is none.
	WebURL string
	// ServerURL is the page of the server itself, with the path that it is installed under. Only Gerrit needs it.
	ServerURL string
	// Name is the name by which the server knows the repository. Only Gerrit needs it: the project.
	Name string
	// Region is the AWS region. Only CodeCommit needs it.
	Region string
}

// For makes the Maker of a repository on a host of this kind, which is the type of an integration in the configuration.
// A folder has no pages. An error says what is wrong with the repository's fields, or that the kind is unknown.
func For(kind string, r Repository) (Maker, error) {
	switch kind {
	case "azure-devops", "azure-devops-server":
		return r.under(azurePages(), azureRevision)
	case "github", "github-app":
		return r.under(githubPages(), nil)
	case "gitlab":
		return r.under(gitlabPages(), nil)
	case "gitea":
		return r.under(giteaPages(), nil)
	case "bitbucket-server":
		r.WebURL = strings.TrimSuffix(strings.TrimRight(r.WebURL, "/"), "/browse")
		return r.under(bitbucketPages(), fullRevision)
	case "codecommit":
		if !isRegion(r.Region) {
			return Maker{}, errRegion
		}
		return r.under(codecommitPages(r.Region), nil)
	case "gerrit":
		return r.onGerrit()
	case "folder":
		return Maker{}, nil
	}
	return Maker{}, fmt.Errorf("no links are known for hosts of the kind %q; write link templates for it", kind)
}

// under makes the Maker of the pages under the repository's own; each of the templates is what follows that.
func (r Repository) under(pages Templates, revision func(string) string) (Maker, error) {
	page, err := parsePage(r.WebURL)
	if err != nil {
		return Maker{}, fmt.Errorf("the web URL of the repository %w", err)
	}
	m, err := compileUnder(page, pages)
	m.revision = revision
	return m, err
}

// compileUnder compiles templates of what follows a page's address.
func compileUnder(page string, pages Templates) (Maker, error) {
	return compileAll(pages, func(text string, known []string) (template, error) { return compile(page, text, known) })
}

// Azure DevOps Services and Server write a version as GB and a branch, GT and a tag, or GC and a commit.
func azurePages() Templates {
	return Templates{
		Commit:      "/commit/${rev}",
		Branch:      "?version=GB${branch}",
		Tag:         "?version=GT${tag}",
		File:        "?path=%2F${path}&version=GC${rev}",
		PullRequest: "/pullrequest/${mergereqId}",
		Compare:     "/branchCompare?baseVersion=${base}&targetVersion=${head}",
	}
}

func azureRevision(name string) string {
	if isOID(name) {
		return "GC" + name
	}
	return "GB" + name
}

// GitHub.com and GitHub Enterprise Server.
func githubPages() Templates {
	return Templates{
		Commit:      "/commit/${rev}",
		Branch:      "/tree/${branch}",
		Tag:         "/releases/tag/${tag}",
		File:        "/blob/${rev}/${path}",
		PullRequest: "/pull/${mergereqId}",
		Compare:     "/compare/${base}...${head}",
	}
}

// GitLab puts its own pages below "-", so that no group or project can have their names.
func gitlabPages() Templates {
	return Templates{
		Commit:      "/-/commit/${rev}",
		Branch:      "/-/tree/${branch}",
		Tag:         "/-/tags/${tag}",
		File:        "/-/blob/${rev}/${path}",
		PullRequest: "/-/merge_requests/${mergereqId}",
		Compare:     "/-/compare/${base}...${head}",
	}
}

// Gitea and Forgejo.
func giteaPages() Templates {
	return Templates{
		Commit:      "/commit/${rev}",
		Branch:      "/src/branch/${branch}",
		Tag:         "/src/tag/${tag}",
		File:        "/src/commit/${rev}/${path}",
		PullRequest: "/pulls/${mergereqId}",
		Compare:     "/compare/${base}...${head}",
	}
}

// Bitbucket Server and Data Center want refs in full, since a short name may be a branch's and a tag's. The page that its
// API names as the repository's ends in /browse, where the others begin.
func bitbucketPages() Templates {
	return Templates{
		Commit:      "/commits/${rev}",
		Branch:      "/browse?at=refs%2Fheads%2F${branch}",
		Tag:         "/browse?at=refs%2Ftags%2F${tag}",
		File:        "/browse/${path}?at=${rev}",
		PullRequest: "/pull-requests/${mergereqId}/overview",
		Compare:     "/compare/diff?targetBranch=${base}&sourceBranch=${head}",
	}
}

// fullRevision is an object id as it is, and a branch as its full ref.
func fullRevision(name string) string {
	if isOID(name) {
		return name
	}
	return "refs/heads/" + name
}

// The console of AWS asks for the region in the query, too, and parts a revision from a path by "--". No form of its
// comparisons is published.
func codecommitPages(region string) Templates {
	query := "?region=" + region
	return Templates{
		Commit:      "/commit/${rev}" + query,
		Branch:      "/browse/refs/heads/${branch}" + query,
		Tag:         "/browse/refs/tags/${tag}" + query,
		File:        "/browse/${rev}/--/${path}" + query,
		PullRequest: "/pull-requests/${mergereqId}/details" + query,
	}
}

var errRegion = errors.New(`the AWS region is not of letters, digits and hyphens, as "eu-west-1" is`)

func isRegion(s string) bool {
	return s != "" && strings.Trim(s, "-") == s && escape(s, alphanumeric+"-") == s
}

// CodeCommitPage is the address of a repository in the console of AWS, which CodeCommit's API does not give: the WebURL of
// a Repository. The console of each partition of AWS (China, the government of the United States) has its own domain.
func CodeCommitPage(region, name string) (string, error) {
	if !isRegion(region) {
		return "", errRegion
	}
	domain := "console.aws.amazon.com"
	switch {
	case strings.HasPrefix(region, "cn-"):
		domain = "console.amazonaws.cn"
	case strings.HasPrefix(region, "us-gov-"):
		domain = "console.amazonaws-us-gov.com"
	}
	return "https://" + region + "." + domain + "/codesuite/codecommit/repositories/" + escape(name, unreserved), nil
}

// onGerrit makes the Maker of a project on Gerrit, where changes are pages of the server, and the code is shown by a
// plug-in, Gitiles, that may be absent. Without it a commit is a search for its changes.
func (r Repository) onGerrit() (Maker, error) {
	server, err := parsePage(r.ServerURL)
	if err != nil {
		return Maker{}, fmt.Errorf("the address of the Gerrit server %w", err)
	}
	if r.Name == "" || hasDotSegment(r.Name) {
		return Maker{}, fmt.Errorf("the Gerrit project %q has a name that no address can hold", r.Name)
	}
	changes, err := compileUnder(server, Templates{
		Commit:      "/q/commit:${rev}",
		PullRequest: "/c/" + escape(r.Name, unreserved+"/") + "/+/${mergereqId}",
	})
	if err != nil || r.WebURL == "" {
		return changes, err
	}
	m, err := r.under(Templates{
		Commit:  "/+/${rev}",
		Branch:  "/+/refs/heads/${branch}",
		Tag:     "/+/refs/tags/${tag}",
		File:    "/+/${rev}/${path}",
		Compare: "/+log/${base}..${head}",
	}, fullRevision)
	m.pullRequest = changes.pullRequest
	return m, err
}

// isOID reports whether a revision is a full object id, of SHA-1 or of SHA-256.
func isOID(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
