package mirror

import (
	"context"

	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// engine receives packs from a remote's server.
type engine interface {
	// fetch receives what a request asks for and stores it in a repository, where it is there on return.
	// After an error nothing of it is. What is received until an error is told too.
	fetch(ctx context.Context, into bare, r wire.FetchRequest, progress func(Progress)) (received, error)
}

// received says how much a fetch received.
type received struct {
	bytes   int64 // of the pack
	objects int
	shallow []storage.OID // where the server's history is cut
}

// native is the engine that speaks the protocol itself, in one round trip, and has libgit2 index the pack.
type native struct{ client *wire.Client }

func (n native) fetch(ctx context.Context, into bare, r wire.FetchRequest, progress func(Progress)) (received, error) {
	o, err := openDirs(into.dirs())
	if err != nil {
		return received{}, err
	}
	defer o.close()
	w, err := newPackWriter(ctx, o, progress)
	if err != nil {
		return received{}, err
	}
	defer w.free()
	got, err := n.client.Fetch(ctx, r, w)
	if err == nil {
		err = w.commit()
	}
	return received{bytes: got.Bytes, objects: int(w.stats.ReceivedObjects), shallow: got.Shallow}, err
}
