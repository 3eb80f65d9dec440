package bench

import "path/filepath"

// command is one side of a comparison.
type command struct {
	name  string                    // as in the report's table
	shown string                    // with REPO, URL, DATA, CLONE and KEYS for the paths of a run
	argv  func(dir string) []string // dir is the run's own, empty directory
}

// pair is a keytrail command and what it is measured beside.
type pair struct {
	name          string
	subject, peer command
}

const (
	dataDir  = "data"  // keytrail's data directory within a run's directory
	indexDir = "index" // and the index in there
	keysFile = "keys"  // a peer's answer there
	cloneDir = "clone" // and its clone
)

// search is what people run today to find which issues a history names; $1 is the repository.
const search = `git --git-dir="$1" log --all --format='%H%x00%an%x00%at%x00%B' | grep -aoE '[A-Z][A-Z0-9_]+-[0-9]+' | sort | uniq`

// shownSearch is search as the report shows it.
const shownSearch = `git --git-dir REPO log --all --format='%H%x00%an%x00%at%x00%B' | grep -aoE '[A-Z][A-Z0-9_]+-[0-9]+' | sort | uniq > KEYS`

// indexPairs are the comparisons of Index. The peer over http is a mirror clone: it fetches the same refs as keytrail,
// where a plain bare clone would leave out pull refs.
func indexPairs(o Options, url string) []pair {
	return []pair{
		{
			name:    "folder",
			subject: indexCommand(o, "keytrail index, folder", o.Repo, "REPO"),
			peer: command{
				name:  "git log | grep | sort | uniq",
				shown: shownSearch,
				argv: func(dir string) []string {
					return []string{"sh", "-c", "(" + search + `) > "$2"`, "sh", o.Repo, filepath.Join(dir, keysFile)}
				},
			},
		},
		{
			name:    "http",
			subject: indexCommand(o, "keytrail index, http", url, "URL"),
			peer: command{
				name:  "git clone --mirror, then the same",
				shown: "git clone --quiet --mirror URL REPO && " + shownSearch,
				argv: func(dir string) []string {
					script := `git clone --quiet --mirror "$2" "$1" && (` + search + `) > "$3"`
					return []string{"sh", "-c", script, "sh", filepath.Join(dir, cloneDir), url, filepath.Join(dir, keysFile)}
				},
			},
		},
	}
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
