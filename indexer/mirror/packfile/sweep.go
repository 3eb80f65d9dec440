package packfile

const (
	// listed is how many commits a visit reads one by one.
	listed = 64
	// minSuspects is for how many commits it is worth visiting a chunk where none is wanted so far.
	minSuspects = 128
)

// visit is what is decoded at one time: some commits of a list, or those of a chunk.
type visit struct {
	ticket uint64

	list []ref
	done int // how many of the list were read

	field     *field // nil for a list
	chunk     int
	backward  bool // through the chunk, and the pack
	wanted    int  // how many of the chunk are marked and not found, at the least
	allowance int  // how many more may be decoded that are not
	tried     int  // how many were decoded, or found to be damaged
	commits   int  // how many commits the chunk has that are not found; only what was looked at
}

// take waits for something to visit. There is nothing more when it reports false.
func (f *frontier) take(b *Batch) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.err == nil && f.left > 0 {
		if f.choose(&b.visit) {
			b.visit.ticket = f.tickets
			f.tickets++
			return true
		}
		f.more.Wait()
	}
	return false
}

// choose finds the next visit.
func (f *frontier) choose(v *visit) bool {
	if n := min(len(f.list), listed); n > 0 {
		rest := len(f.list) - n
		v.list = append(v.list[:0], f.list[rest:]...)
		f.list = f.list[:rest]
		return true
	}
	if !f.sweep || len(f.fields) == 0 {
		return false
	}
	fl := f.fields[f.current]
	step := 1
	if fl.votes < 0 {
		step = -1
	}
	// The chunk of last time, when not all of it could be decoded then; the next one, on suspicion if need be, since
	// a visit that is under way is likely to mark commits there; any that has wanted commits, the nearest ahead first.
	if f.enter(v, fl, fl.cursor, step, false) || f.enter(v, fl, fl.cursor+step, step, f.isRun) {
		return true
	}
	for i := range f.fields {
		number := (f.current + i) % len(f.fields)
		fl := f.fields[number]
		if fl.open == 0 {
			continue
		}
		for j := range len(fl.pending) {
			chunk := (fl.cursor + step*j + len(fl.pending)) % len(fl.pending)
			if f.enter(v, fl, chunk, step, false) {
				f.current = number
				return true
			}
		}
	}
	return false
}

// enter makes a visit of a chunk if there is something wanted, or if mere suspicion is enough. Commits that are
// decoded and not found are never more than those found: the walk's cost is that of what it finds, twice at the
// most, whatever the order of the pack.
func (f *frontier) enter(v *visit, fl *field, chunk, step int, onSuspicion bool) bool {
	if chunk < 0 || chunk >= len(fl.pending) || fl.busy[chunk] {
		return false
	}
	credit := max(0, f.found-f.vain-f.suspected)
	wanted := int(fl.pending[chunk])
	if wanted == 0 && (!onSuspicion || credit < minSuspects) {
		return false
	}
	objects := int(fl.layout.starts[chunk+1] - fl.layout.starts[chunk])
	v.field, v.chunk, v.backward = fl, chunk, step < 0
	v.wanted, v.allowance, v.commits = wanted, min(credit, objects), 0
	f.suspected += v.allowance
	fl.busy[chunk] = true
	fl.cursor = chunk
	f.isRun = f.isRun || wanted > 0
	return true
}
