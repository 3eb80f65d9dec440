package bench

import (
	"path/filepath"
	"slices"
)

// command is one contestant of a case.
type command struct {
	name  string                    // as in the report's table
	shown string                    // with REPO, URL, DATA, CLONE and KEYS for the paths of a run
	argv  func(dir string) []string // dir is the run's own, empty directory
	proof proof
	// checked runs instead of argv when the answer is checked, where what is timed leaves none.
	checked func(dir string) []string
}

// proof is by what a command shows that it did the whole work.
type proof int

const (
	provesPairs   proof = iota // keytrail: its export
	provesKeys                 // a list of different keys in keysFile
	provesCommits              // the number of commits that it read, the first line of countFile
)

// indexCase is a way to reach the repository and the commands that do so. keytrail's is the first.
type indexCase struct {
	name     string
	commands []command
}

const (
	dataDir   = "data"  // keytrail's data directory within a run's directory
	indexDir  = "index" // and the index in there
	keysFile  = "keys"  // a peer's answer there
	countFile = "count" // or that of one that only reads
	cloneDir  = "clone" // and its clone
)

// The names of contestants of Index, which goals are looked up by.
const (
	NameIndex    = "keytrail index"
	nameOneCore  = "keytrail index, one core"
	NamePipeline = "git log | grep | sort | uniq"
	nameCatFile  = "git rev-list | git cat-file"
	NameWalk     = "libgit2 walk"
	nameWalk2    = "libgit2 walk, 2 threads"
	NameInflate  = "inflating alone, 2 threads"
	NameClone    = "git clone --mirror, then git log | …"
	NameFiltered = "git clone --mirror --filter=tree:0, then git log | …"
)

// FolderNames are the contestants of CaseFolder, keytrail first.
func FolderNames() []string {
	return []string{NameIndex, NamePipeline, nameOneCore, nameCatFile, NameWalk, nameWalk2, NameInflate}
}

// search is what people run today to find which issues a history names; $1 is the repository.
const search = `git --git-dir="$1" log --all --format='%H%x00%an%x00%at%x00%B' | grep -aoE '[A-Z][A-Z0-9_]+-[0-9]+' | sort | uniq`

// shownSearch is search as the report shows it.
const shownSearch = `git --git-dir REPO log --all --format='%H%x00%an%x00%at%x00%B' | grep -aoE '[A-Z][A-Z0-9_]+-[0-9]+' | sort | uniq > KEYS`

// indexCases are the cases of Index that are wanted.
func indexCases(o Options, url string, p peers) []indexCase {
	folder := indexCase{CaseFolder, append([]command{
		indexCommand(o, NameIndex, o.Repo, "REPO"),
		pipeline(o.Repo),
		onOneCore(indexCommand(o, nameOneCore, o.Repo, "REPO")),
		catFile(o.Repo),
	}, p.commands(o.Repo)...)}
	http := indexCase{CaseHTTP, []command{
		indexCommand(o, NameIndex, url, "URL"),
		cloned(NameClone, url, ""),
		cloned(NameFiltered, url, " --filter=tree:0"),
	}}
	return slices.DeleteFunc([]indexCase{folder, http}, func(c indexCase) bool {
		return len(o.Cases) > 0 && !slices.Contains(o.Cases, c.name)
	})
}

func indexCommand(o Options, name, source, shownSource string) command {
	shown := "keytrail index --data DATA"
	for _, s := range o.Refspecs {
		shown += " --refspec '" + s + "'"
	}
	return command{
		name:  name,
		shown: shown + " " + shownSource,
		argv: func(dir string) []string {
			argv := []string{o.Keytrail, "index", "--data", filepath.Join(dir, dataDir)}
			for _, s := range o.Refspecs {
				argv = append(argv, "--refspec", s)
			}
			return append(argv, source)
		},
	}
}

// onOneCore keeps a command to one core, threads that wait for C and the collector's among them. GOMAXPROCS=1 would not.
func onOneCore(c command) command {
	argv := c.argv
	c.shown = "taskset --cpu-list 0 " + c.shown
	c.argv = func(dir string) []string { return append([]string{"taskset", "--cpu-list", "0"}, argv(dir)...) }
	return c
}

func pipeline(repo string) command {
	return command{
		name:  NamePipeline,
		shown: shownSearch,
		proof: provesKeys,
		argv: func(dir string) []string {
			return []string{"sh", "-c", "(" + search + `) > "$2"`, "sh", repo, filepath.Join(dir, keysFile)}
		},
	}
}

// cloned is the pipeline on a clone. The clone is a mirror, so that it fetches the same refs as keytrail, where a plain bare
// clone would leave out pull refs.
func cloned(name, url, filter string) command {
	return command{
		name:  name,
		shown: "git clone --quiet --mirror" + filter + " URL REPO && " + shownSearch,
		proof: provesKeys,
		argv: func(dir string) []string {
			script := `git clone --quiet --mirror` + filter + ` "$2" "$1" && (` + search + `) > "$3"`
			return []string{"sh", "-c", script, "sh", filepath.Join(dir, cloneDir), url, filepath.Join(dir, keysFile)}
		},
	}
}

// catFile reads every commit, and finds no key.
func catFile(repo string) command {
	const read = `git --git-dir="$1" rev-list --all | git --git-dir="$1" cat-file --batch --buffer`
	return command{
		name:  nameCatFile,
		shown: "git --git-dir REPO rev-list --all | git --git-dir REPO cat-file --batch --buffer > /dev/null",
		proof: provesCommits,
		argv:  func(string) []string { return []string{"sh", "-c", read + " > /dev/null", "sh", repo} },
		checked: func(dir string) []string {
			return []string{"sh", "-c", read + ` | grep -acE '^[0-9a-f]{40} commit [0-9]+$' > "$2"`, "sh", repo, filepath.Join(dir, countFile)}
		},
	}
}
