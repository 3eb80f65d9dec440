package mirror

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	git "github.com/libgit2/git2go/v34"
)

// Each fetch leaves a pack, and each lookup asks every pack. Merging too often costs writes, too rarely costs lookups.
const (
	manyPacks = 50
	bigPack   = 8 << 20 // bytes; packs from there on are few, and a merge, which takes seconds then, cannot be cancelled
)

// tend keeps the repository quick and git content with it, after a fetch: isFiltered tells that its packs lack what they
// refer to. What cannot be done for want of space is left for the next time.
func (b bare) tend(ctx context.Context, isFiltered bool) error {
	err := b.consolidate(ctx)
	if err == nil && isFiltered {
		err = b.markPromisors()
	}
	if isFull(err) {
		return nil
	}
	return err
}

// consolidate merges small packs into one when there are many. Every object stays, whether a ref reaches it or not. Readers
// of the repository need not stop: what they have open they keep, and where a pack is gone libgit2 looks for the one that took its
// place.
func (b bare) consolidate(ctx context.Context) error {
	packs, _, err := b.packs()
	if err != nil {
		return err
	}
	packs = slices.DeleteFunc(packs, func(p packFile) bool { return p.size >= bigPack })
	if len(packs) < manyPacks {
		return nil
	}
	small := mergeable(packs)
	merged, err := b.merge(ctx, small)
	if err != nil {
		return fmt.Errorf("merge the mirror's packs: %w", err)
	}
	for _, p := range small {
		if p.path != merged {
			if err := p.remove(); err != nil {
				return err
			}
		}
	}
	return nil
}

// mergeable gives those packs that are to become one, so that the packs left, with the new one, each hold at least twice as
// much as all smaller ones together: so there are few, and an object is copied a number of times that grows with the
// logarithm of how many there are. It is what git calls a geometric repack.
func mergeable(packs []packFile) []packFile {
	slices.SortFunc(packs, func(p, q packFile) int { return cmp.Compare(p.size, q.size) })
	var sum int64
	for _, p := range packs {
		sum += p.size
	}
	for n := len(packs); n > 0; n-- {
		if sum -= packs[n-1].size; packs[n-1].size < 2*sum {
			return packs[:n]
		}
	}
	return nil
}

// mergeDir is where packs are merged, below the packs' directory.
const mergeDir = "tmp_merge"

// merge writes one pack with all objects of some, and gives its path once it is there for good. The packs merged stay.
func (b bare) merge(ctx context.Context, packs []packFile) (path string, err error) {
	o, err := openDirs(b.dirs())
	if err != nil {
		return "", err
	}
	defer o.close()
	builder, err := o.repo.NewPackbuilder()
	if err != nil {
		return "", err
	}
	defer builder.Free()
	for _, p := range packs {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		oids, err := p.objects()
		if err != nil {
			return "", err
		}
		for _, oid := range oids {
			o.id = git.Oid(oid)
			if err := builder.Insert(&o.id, ""); err != nil {
				return "", corruptObject(oid, err)
			}
		}
	}
	dir := filepath.Join(b.packDir(), mergeDir)
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o750)); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := builder.WriteToFile(dir, 0o444); isFull(err) {
		return "", err
	} else if err != nil {
		return "", fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return b.adopt(dir)
}

// adopt moves the one pack of a directory among the others. Its files are on disk already; only their names are not.
func (b bare) adopt(dir string) (path string, err error) {
	made, err := filepath.Glob(filepath.Join(dir, "*"+packExt))
	if err != nil || len(made) != 1 {
		return "", fmt.Errorf("%d packs were made instead of one: %w", len(made), err)
	}
	from := made[0][:len(made[0])-len(packExt)]
	path = filepath.Join(b.packDir(), filepath.Base(from))
	if _, err := os.Stat(path + indexExt); err == nil {
		return path, nil // one of the packs held what all the others hold
	}
	// The index comes last: it is what makes a pack one.
	for _, ext := range []string{packExt, indexExt} {
		if err := os.Rename(from+ext, path+ext); err != nil {
			return "", err
		}
	}
	return path, syncDir(b.packDir())
}

// markPromisors marks each pack of a mirror that was filtered, so that git fsck --connectivity-only, and git log, take what
// the filter left out as being with a remote, which has no URL: git cannot fetch behind our back. The extension partialClone,
// which would say the same, locks libgit2 out.
func (b bare) markPromisors() error {
	packs, _, err := b.packs()
	if err != nil {
		return err
	}
	isMarked := true
	for _, p := range packs {
		isMarked = isMarked && p.isPromisor
		if err := p.markPromisor(); err != nil {
			return err
		}
	}
	if isMarked {
		return nil
	}
	path := filepath.Join(b.dir, "config")
	config, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(config), promisorConfig) {
		return err
	}
	err = putFile(path, func(w *bufio.Writer) {
		w.Write(config)
		w.WriteString(promisorConfig)
	})
	if err != nil {
		return fmt.Errorf("configure the mirror: %w", err)
	}
	return nil
}

// promisorConfig says that there is a promisor, and keeps git log from looking for a .mailmap in trees that are not here.
const promisorConfig = "[remote \"server\"]\n\tpromisor = true\n[mailmap]\n\tblob = none\n"
