package history

import (
	"math/bits"
	"math/rand/v2"
	"strconv"
)

// file is a file as a commit writes it.
type file struct {
	path    string
	content []byte
}

// source is a file as the tree remembers it: the text of each line follows from its number, so that a whole tree takes
// little memory.
type source struct {
	path  string
	lines []uint32
}

// tree is the tree of a project of some size: source files in directories a few levels deep, of which commits edit a few
// lines in a few files. It has one state: a commit of a topic sees the edits made on main meanwhile.
//
// Its draws are its own: a history with and without it is the same but for its trees.
type tree struct {
	draw
	text  *rand.PCG // of one line at a time
	files []source
	last  uint32 // number of the line written last
}

// perFolder is how many files a folder holds.
const perFolder = 20

func newTree(seed uint64, files int) *tree {
	t := &tree{draw: draw{rand.NewPCG(seed, 0x7472656573)}, text: rand.NewPCG(0, 0), files: make([]source, files)}
	for i := range t.files {
		lines := make([]uint32, 10+t.below(60)+t.near(800))
		for j := range lines {
			lines[j] = t.line()
		}
		t.files[i] = source{place(i), lines}
	}
	return t
}

// place gives the path of a file, as deep as those of Java projects: neighbours share a folder, and few folders share
// their parent.
func place(i int) string {
	folder := i / perFolder
	path := areas[folder%len(areas)] + "/src/main/java/com/example/shop"
	for folder /= len(areas); folder > 0; folder /= len(areas) {
		path += "/part" + strconv.Itoa(folder%len(areas))
	}
	return path + "/unit" + strconv.Itoa(i%perFolder) + ".java"
}

// line gives the number of a new line.
func (t *tree) line() uint32 {
	t.last++
	return t.last
}

// all gives every file.
func (t *tree) all(yield func(file) bool) {
	for _, s := range t.files {
		if !yield(t.write(s)) {
			return
		}
	}
}

// edit changes some files, four in the mean, and gives each once. Those after the first are mostly its neighbours.
func (t *tree) edit() []file {
	at := t.below(len(t.files))
	if t.oneIn(2) { // work is mostly on few files
		at = t.near(len(t.files))
	}
	chosen := map[int]bool{}
	var out []file
	for {
		if !chosen[at] {
			chosen[at] = true
			t.change(&t.files[at])
			out = append(out, t.write(t.files[at]))
		}
		if t.oneIn(4) {
			return out
		}
		if at = min(at-at%perFolder+t.below(perFolder), len(t.files)-1); t.oneIn(3) {
			at = t.below(len(t.files))
		}
	}
}

// change replaces some lines at one to three places of a file by as many others, a few more, or a few less.
func (t *tree) change(s *source) {
	for range 1 + t.below(3) {
		from := t.below(len(s.lines))
		to := min(from+t.near(32), len(s.lines))
		lines := append([]uint32(nil), s.lines[:from]...)
		for range max(to-from+t.below(5)-2, 1) {
			lines = append(lines, t.line())
		}
		s.lines = append(lines, s.lines[to:]...)
	}
}

// write gives a file its text. Names are drawn from a few thousand, some of them often, as in source code.
func (t *tree) write(s source) file {
	b := make([]byte, 0, 40*len(s.lines))
	for _, number := range s.lines {
		t.text.Seed(uint64(number), 0)
		d := draw{t.text}
		b = append(b, "\t\t\t\t"[:d.below(4)]...)
		for range 1 + d.below(4) {
			b = identifier(b, d.near(1<<12))
			b = append(b, pick(d, joints[:])...)
		}
		b = append(b, '\n')
	}
	return file{s.path, b}
}

// syllables and joints are what source lines are made of.
var (
	syllables = [...]string{"get", "set", "max", "Size", "Node", "Key", "log", "Part", "id", "Map", "read", "Cost", "buf", "Time", "row", "Plan"}
	joints    = [...]string{" = ", "(", ", ", ".", " + ", ") {", " == ", "; "}
)

// identifier appends a name by its number.
func identifier(b []byte, n int) []byte {
	for range (bits.Len(uint(n)) + 3) / 4 {
		b = append(b, syllables[n%len(syllables)]...)
		n /= len(syllables)
	}
	return append(b, 'x')
}
