package storage

// ReleaseQuery asks which tags and branches of release have an issue's commits.
type ReleaseQuery struct {
	Key    IssueKey
	Within Scope
	Tag    func(name string) bool // which tags stand for a release, by short name; nil: all
	Branch func(name string) bool // which branches do; nil: all
}

// Releases tells where an issue's commits have arrived in one repository that has some.
type Releases struct {
	Repository RepositoryID
	Commits    int       // of the issue in the repository
	Tags       []Release // that contain at least one, in the order in which they were released
	Branches   []Release // all that the query takes for a release's, sorted by name
}

// Release is a tag or a branch.
type Release struct {
	Name     string // short
	OID      OID    // the commit it points at
	Seconds  int64  // committer date of that commit
	Contains int    // how many of the issue's commits
	Lacks    []OID  // the others, oldest committer date first, then by object id; shared, not to be changed
}
