package mirror

import (
	"bytes"
	"cmp"
	"context"
	"path"
	"slices"

	"keytrail/storage"
)

// Renames are recognised as git diff -M does (gitdiffcore(7)): first files of equal content, then, of names that are unique
// among what is added and what is deleted, those that are alike enough, then the most alike of the rest. Copies are not
// looked for.
const (
	maxScore       = 60000
	minScore       = maxScore / 2                     // to count as renamed
	minNamedScore  = minScore + (maxScore-minScore)/2 // when the file name alone made a pair of them
	maxRenameFiles = 2000                             // added and deleted, of which contents are read
	maxRenameBytes = 32 << 20                         // of contents that are read for it
	maxRenamePairs = 1000 * 1000 / 4                  // compared with each other, half of git's own limit each way
	maxAlike       = 100                              // deleted files of equal content looked at for one of the same name
	perTarget      = 4                                // candidates remembered for each added file
	maxPiece       = 64                               // bytes of a line that are compared as one
	binaryHead     = 8000                             // bytes in which a NUL tells binary files
)

// renames pairs the deleted and added files of one commit.
type renames struct {
	objects *objects
	maxFile int // bytes; larger contents are not compared
	sources []*fileChange
	targets []*fileChange
	prints  map[storage.OID]*fingerprint
	printed int  // bytes of the contents that prints are of
	isShort bool // a content was left out for that the others were too much already
}

// newRenames pairs files of equal content. What is left may be renamed with changes.
func newRenames(o *objects, changes []*fileChange, maxFile int) *renames {
	r := &renames{objects: o, maxFile: maxFile, prints: map[storage.OID]*fingerprint{}}
	type content struct {
		oid  storage.OID
		kind uint32
	}
	bySource := map[content][]*fileChange{}
	for _, c := range changes {
		switch {
		case !c.now.exists():
			same := content{c.old.oid, c.old.kind()}
			bySource[same] = append(bySource[same], c)
			r.sources = append(r.sources, c)
		case !c.old.exists():
			r.targets = append(r.targets, c)
		}
	}
	for _, t := range r.targets {
		same := content{t.now.oid, t.now.kind()}
		sources := bySource[same]
		if len(sources) == 0 {
			continue
		}
		best := max(0, slices.IndexFunc(sources[:min(len(sources), maxAlike)], func(s *fileChange) bool { return sameName(s, t) }))
		pair(sources[best], t, maxScore)
		copy(sources[1:], sources[:best]) // so that the rest stays in its order without being moved
		bySource[same] = sources[1:]
	}
	r.dropPaired()
	return r
}

// pair makes a deleted file the origin of an added one. The deletion is marked too: it is no change of its own any more.
func pair(source, target *fileChange, score int) {
	target.oldPath, target.old = source.path, source.old
	target.isRename, source.isRename = true, true
	target.similarity = score * 100 / maxScore
}

func sameName(a, b *fileChange) bool { return path.Base(a.path) == path.Base(b.path) }

// dropPaired takes out what has found its pair, and what only an equal content can pair.
func (r *renames) dropPaired() {
	r.sources = slices.DeleteFunc(r.sources, func(c *fileChange) bool { return c.isRename })
	r.targets = slices.DeleteFunc(r.targets, func(c *fileChange) bool { return c.isRename })
}

// candidates gives the files whose contents tell about renames. isTooMany: there are more than are compared.
func (r *renames) candidates() (files []*fileChange, isTooMany bool) {
	regular := func(list []*fileChange, of func(*fileChange) side) (files []*fileChange) {
		for _, c := range list {
			if of(c).kind() == modeFile {
				files = append(files, c)
			}
		}
		return files
	}
	r.sources = regular(r.sources, func(c *fileChange) side { return c.old })
	r.targets = regular(r.targets, func(c *fileChange) side { return c.now })
	if len(r.sources) == 0 || len(r.targets) == 0 {
		return nil, false
	}
	if len(r.sources)+len(r.targets) > maxRenameFiles {
		r.sources = nil
		return nil, true
	}
	return slices.Concat(r.sources, r.targets), false
}

// findSimilar pairs files that were changed as they were renamed. isTooMany: some are left that were not compared.
func (r *renames) findSimilar(ctx context.Context) (isTooMany bool, err error) {
	if len(r.sources) == 0 || len(r.targets) == 0 {
		return false, nil
	}
	if err := r.pairByName(); err != nil {
		return false, err
	}
	r.dropPaired()
	if len(r.sources)*len(r.targets) > maxRenamePairs || r.isShort {
		return true, nil
	}
	var found []candidate
	for _, t := range r.targets {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		best, err := r.bestOf(t)
		if err != nil {
			return false, err
		}
		found = append(found, best...)
	}
	slices.SortStableFunc(found, candidate.compare)
	for _, c := range found {
		if !c.source.isRename && !c.target.isRename {
			pair(c.source, c.target, c.score)
		}
	}
	return r.isShort, nil
}

// candidate is a possible rename.
type candidate struct {
	source, target *fileChange
	score          int
	isSameName     bool
}

// compare puts the better one first.
func (c candidate) compare(d candidate) int {
	named := func(c candidate) int {
		if c.isSameName {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(d.score, c.score), cmp.Compare(named(d), named(c)))
}

// bestOf gives the sources that are most like a target.
func (r *renames) bestOf(t *fileChange) ([]candidate, error) {
	var best []candidate
	for _, s := range r.sources {
		score, err := r.score(s, t)
		if err != nil {
			return nil, err
		}
		if score >= minScore {
			best = append(best, candidate{s, t, score, sameName(s, t)})
		}
	}
	slices.SortStableFunc(best, candidate.compare)
	return best[:min(len(best), perTarget)], nil
}

// pairByName pairs files whose name, without directories, is unique on both sides.
func (r *renames) pairByName() error {
	unique := func(list []*fileChange) map[string]*fileChange {
		names := make(map[string]*fileChange, len(list))
		for _, c := range list {
			name := path.Base(c.path)
			if _, isTwice := names[name]; isTwice {
				names[name] = nil
			} else {
				names[name] = c
			}
		}
		return names
	}
	targets := unique(r.targets)
	sources := unique(r.sources)
	for _, s := range r.sources {
		name := path.Base(s.path)
		t := targets[name]
		if t == nil || sources[name] == nil {
			continue
		}
		score, err := r.score(s, t)
		if err != nil {
			return err
		}
		if score >= minNamedScore {
			pair(s, t, score)
		}
	}
	return nil
}

// score tells how much of the larger of two contents is in the other too, of maxScore.
func (r *renames) score(source, target *fileChange) (int, error) {
	a, err := r.print(source.old.oid)
	if err != nil {
		return 0, err
	}
	b, err := r.print(target.now.oid)
	if err != nil {
		return 0, err
	}
	larger := max(a.size, b.size)
	if !a.isKnown || !b.isKnown || min(a.size, b.size)*maxScore < larger*minScore {
		return 0, nil
	}
	return a.common(b) * maxScore / larger, nil
}

// fingerprint tells what a content consists of, without its order.
type fingerprint struct {
	isKnown bool
	size    int
	pieces  []piece // sorted by hash, unique
}

// piece is a line, or a part of a long one.
type piece struct {
	hash  uint64
	bytes int // of all its occurrences
}

func (r *renames) print(oid storage.OID) (*fingerprint, error) {
	if p, isKnown := r.prints[oid]; isKnown {
		return p, nil
	}
	p := &fingerprint{}
	content, isHere, err := r.objects.content(oid, r.maxFile)
	if err != nil {
		return nil, err
	}
	switch r.printed += len(content); {
	case r.printed > maxRenameBytes:
		r.isShort = true
	case isHere:
		p = newFingerprint(content)
	}
	r.prints[oid] = p
	return p, nil
}

// newFingerprint cuts a content behind each newline, and within lines every maxPiece bytes. In text a CR before a
// newline does not count, so that a file converted from one end of line to the other is still alike.
func newFingerprint(content []byte) *fingerprint {
	// FNV-1a, 64 bits: offset basis and prime.
	const basis, prime = 14695981039346656037, 1099511628211
	p := &fingerprint{isKnown: true, size: len(content)}
	isText := !isBinary(content)
	hash, n := uint64(basis), 0
	for i, c := range content {
		if isText && c == '\r' && i+1 < len(content) && content[i+1] == '\n' {
			continue
		}
		hash = (hash ^ uint64(c)) * prime
		if n++; n == maxPiece || c == '\n' {
			p.pieces = append(p.pieces, piece{hash, n})
			hash, n = basis, 0
		}
	}
	if n > 0 {
		p.pieces = append(p.pieces, piece{hash, n})
	}
	slices.SortFunc(p.pieces, func(a, b piece) int { return cmp.Compare(a.hash, b.hash) })
	kept := p.pieces[:0]
	for _, next := range p.pieces {
		if len(kept) > 0 && kept[len(kept)-1].hash == next.hash {
			kept[len(kept)-1].bytes += next.bytes
		} else {
			kept = append(kept, next)
		}
	}
	p.pieces = kept
	return p
}

// common counts the bytes of pieces that are in both.
func (p *fingerprint) common(q *fingerprint) (bytes int) {
	for i, j := 0, 0; i < len(p.pieces) && j < len(q.pieces); {
		a, b := &p.pieces[i], &q.pieces[j]
		if a.hash == b.hash {
			bytes += min(a.bytes, b.bytes)
		}
		if a.hash <= b.hash {
			i++
		}
		if b.hash <= a.hash {
			j++
		}
	}
	return bytes
}

// isBinary tells as git does that a content is no text.
func isBinary(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), binaryHead)], 0) >= 0
}
