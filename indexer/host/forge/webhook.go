package forge

import (
	"strconv"
	"strings"

	"keytrail/indexer/host"
)

// Payload is what is read of a delivery. Times are left out: GitHub has them as texts in some events and as numbers in others.
type Payload struct {
	Action     string      `json:"action"`
	Ref        string      `json:"ref"`
	RefType    string      `json:"ref_type"`
	Number     int64       `json:"number"`
	Repository *Repository `json:"repository"`
}

// Repository is what a delivery tells of one.
type Repository struct {
	ID       int64  `json:"id"`
	FullName string `json:"full_name"`
	CloneURL string `json:"clone_url"`
	SSHURL   string `json:"ssh_url"`
	HTMLURL  string `json:"html_url"`
}

// Subject names the repository by all that the delivery has.
func (r Repository) Subject() host.Subject {
	s := host.Subject{ID: strconv.FormatInt(r.ID, 10), Name: r.FullName}
	for _, u := range []string{r.CloneURL, r.SSHURL, r.HTMLURL} {
		if u != "" {
			s.URLs = append(s.URLs, u)
		}
	}
	return s
}

// Event reads the payload of an event by its name, as "push"; of a name that is not known here the kind is host.EventOther.
func (p Payload) Event(name string) host.Event {
	e := host.Event{Kind: host.EventOther}
	if p.Repository != nil {
		e.Subjects = append(e.Subjects, p.Repository.Subject())
	}
	switch name {
	case "push", "create", "delete":
		e.Kind, e.Refs = host.EventPush, p.refs()
	case "pull_request":
		e.Kind, e.Number = host.EventPullRequest, p.Number
	case "repository":
		e.Kind = repositoryEvent(p.Action)
	}
	return e
}

// refs are the full names of what a push, a creation or a deletion is about. Gitea has some of them in full where GitHub has none.
func (p Payload) refs() []string {
	switch {
	case p.Ref == "":
		return nil
	case p.RefType == "", strings.HasPrefix(p.Ref, "refs/heads/"), strings.HasPrefix(p.Ref, "refs/tags/"):
		return []string{p.Ref}
	case p.RefType == "tag":
		return []string{"refs/tags/" + p.Ref}
	}
	return []string{"refs/heads/" + p.Ref}
}

func repositoryEvent(action string) host.EventKind {
	switch action {
	case "created":
		return host.EventCreated
	case "deleted":
		return host.EventDeleted
	}
	return host.EventRenamed
}
