package indexer

import (
	"context"

	"keytrail/indexer/mirror"
	"keytrail/storage"
)

// kept is a source that tells of single objects.
type kept interface {
	Has(oid storage.OID) (bool, error)
}

var (
	_ kept = (*mirror.Local)(nil)
	_ kept = (*mirror.Remote)(nil)
)

// Has reports whether what is here of a repository has an object, whether or not a ref reaches it. It asks no server and waits for no
// job. A failure is as that of Diff.
func (x *Indexer) Has(ctx context.Context, id storage.RepositoryID, oid storage.OID) (has bool, err error) {
	err = x.show(ctx, id, func(source mirror.Shown, _ string) (err error) {
		if k, ok := source.(kept); ok {
			has, err = k.Has(oid)
		}
		return err
	})
	return has, err
}

// Refspecs gives the refspecs by which a repository is fetched; nil for one that is not in the configuration.
func (x *Indexer) Refspecs(id storage.RepositoryID) []string {
	t, err := x.target(id)
	if err != nil {
		return nil
	}
	return t.Refspecs.Texts()
}

// RefspecFor gives the refspec by which a ref of a repository is fetched; empty when there is none in the configuration.
func (x *Indexer) RefspecFor(id storage.RepositoryID, ref string) string {
	t, err := x.target(id)
	if err != nil {
		return ""
	}
	return t.Refspecs.For(ref)
}
