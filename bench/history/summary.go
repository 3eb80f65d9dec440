package history

import "slices"

// Summary counts what a history holds. It is kept while the history is written and reads nothing back, so that it
// can be held against what git, or an index, says.
type Summary struct {
	Commits, Merges       int // without those of refs/notes
	Branches, Tags, Pulls int // Branches with main
	Annotated             int // of Tags
	Notes, NoteCommits    int
	Keys                  int // different issue keys, in messages and notes
	Pairs                 int // different (key, commit), in messages and notes
	NotePairs             int // of Pairs: found in a note only

	topicBranches int // of Branches: neither main nor a release
}

// tally counts the different keys with one bit for each possible one.
type tally struct {
	bits  [][]uint64 // by project, then number
	count int
}

func newTally(projects, numbers int) *tally {
	t := &tally{bits: make([][]uint64, projects)}
	for i := range t.bits {
		t.bits[i] = make([]uint64, numbers/64+1)
	}
	return t
}

// add counts the keys of one message and returns how many there are.
func (t *tally) add(keys []key) int {
	for _, k := range keys {
		word, bit := &t.bits[k.project][k.number/64], uint64(1)<<(k.number%64)
		if *word&bit == 0 {
			*word |= bit
			t.count++
		}
	}
	return len(keys)
}

// more counts a key beside those of the message and returns 1 if the message lacks it.
func (t *tally) more(k key, message []key) int {
	if slices.Contains(message, k) {
		return 0
	}
	return t.add([]key{k})
}
