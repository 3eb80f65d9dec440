package mirror

import (
	"context"
	"fmt"

	git "github.com/libgit2/git2go/v34"

	"keytrail/indexer/mirror/wire"
)

// The engines that fetch packs (RemoteOptions.Engine). Refs are listed by the native one in any case: libgit2 would
// transfer all of them.
const (
	EngineNative  = "native" // the default
	EngineLibgit2 = "libgit2"
)

// libgit2Engine fetches with libgit2's own remote and negotiation, over the connections of a wire.Client. What is known to
// be wrong with it is kept out of reach:
//
//   - It waits for ever and knows no limits: the wire.Conversation does, and ends its reads.
//   - It takes errors of servers for noise: the conversation looks at each line first, and its error is the one returned.
//   - It aborts at the first ref that it cannot write, and writes one file for each: it is shown the wanted objects under
//     one name that nothing is written for, in a repository of its own that borrows the mirror's objects.
//   - It stops negotiating at the first acknowledgment (libgit2 issue 6532): the conversation adds the haves that it did not
//     come to.
//   - It leaks a little for every line of configuration (libgit2 pull request 6382): there is none.
type libgit2Engine struct{ client *wire.Client }

func (e libgit2Engine) fetch(ctx context.Context, into bare, r wire.FetchRequest, progress func(Progress)) (received, error) {
	o, err := openDirs(into.dirs())
	if err != nil {
		return received{}, err
	}
	defer o.close()
	var objects int
	got, err := e.client.FetchFor(ctx, r, func(v *wire.Conversation) (err error) {
		b, err := newBorrower(o)
		if err != nil {
			return err
		}
		defer b.remove()
		if objects, err = b.fetch(ctx, v, progress); err != nil {
			return err
		}
		return b.handOver()
	})
	return received{bytes: got.Bytes, objects: objects, shallow: got.Shallow}, err
}

// fetch has libgit2 fetch all that a conversation offers, and tells how many objects came.
func (b *borrower) fetch(ctx context.Context, v *wire.Conversation, progress func(Progress)) (objects int, err error) {
	transports, err := smartTransports()
	if err != nil {
		return 0, err
	}
	if err := b.offer(v.Haves()); err != nil {
		return 0, err
	}
	repo, err := git.OpenRepositoryExtended(b.dir, git.RepositoryOpenBare, "")
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", b.dir, err)
	}
	defer repo.Free()
	remote, err := repo.Remotes.CreateAnonymous(urlFor(v))
	if err != nil {
		return 0, fmt.Errorf("make libgit2's remote: %w", err)
	}
	defer remote.Free()
	g := &guest{conversation: v, dir: b.dir}
	var told int64
	defer transports.lend(remote, g)()
	err = remote.Fetch([]string{wire.WantedRef}, &git.FetchOptions{
		DownloadTags: git.DownloadTagsNone,
		Prune:        git.FetchNoPrune,
		ProxyOptions: git.ProxyOptions{Type: git.ProxyTypeNone},
		RemoteCallbacks: git.RemoteCallbacks{TransferProgressCallback: func(stats git.TransferProgress) (err error) {
			defer g.guard(&err)
			objects = int(stats.ReceivedObjects)
			if n := v.Bytes(); progress != nil && n > told { // libgit2 calls for each object
				told = n
				progress(Progress{Bytes: n, Objects: objects, Total: int(stats.TotalObjects)})
			}
			return ctx.Err()
		}},
	}, "")
	switch {
	case g.panicked != nil:
		panic(g.panicked)
	case g.err != nil:
		return objects, g.err
	case git.IsErrorCode(err, git.ErrorCodeNotFound) && v.Bytes() == 0:
		return objects, fmt.Errorf("%w: what is to be told to the server is missing: %w", ErrCorrupt, err)
	case err != nil:
		return objects, packError(ctx, err)
	}
	return objects, nil
}
