package config

// Links are templates of the addresses at which people see what is in a repository, for hosts that keytrail does not know, or
// that are reached by others at another address. An empty one is what the host's kind has, if it has such a page.
type Links struct {
	Commit, Branch, Tag, File, PullRequest string
}

func (l *Links) read(v value) {
	page := func(name string, dst *string, alone func(template string) Links) field {
		return field{name, text(dst, func(template string) error {
			if v.d.checks.Links == nil {
				return nil
			}
			return v.d.checks.Links(alone(template))
		})}
	}
	v.mapping(
		page("commit", &l.Commit, func(t string) Links { return Links{Commit: t} }),
		page("branch", &l.Branch, func(t string) Links { return Links{Branch: t} }),
		page("tag", &l.Tag, func(t string) Links { return Links{Tag: t} }),
		page("file", &l.File, func(t string) Links { return Links{File: t} }),
		page("pull_request", &l.PullRequest, func(t string) Links { return Links{PullRequest: t} }),
	)
}
