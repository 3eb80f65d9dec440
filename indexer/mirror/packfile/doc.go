// Package packfile reads the objects of a git repository straight from its files: packs and their indexes, loose objects,
// and what lies in alternates. It is the bulk path of the walk, where a library that answers one object at a time
// costs several times what inflating does.
//
// A Store maps the files of one objects directory. Single objects are read through a Reader, one for each goroutine;
// all commits that some tips reach are read by Walk:
//
//	store, err := packfile.Open("repo.git/objects", packfile.Options{})
//	defer store.Close()
//	for batch, err := range store.Walk(ctx, tips, nil, packfile.WalkOptions{}) {
//		…
//		batch.Release()
//	}
//
// How a walk goes, by file:
//
//   - walk.go begins with the tips, one commit at a time (a push of ten commits costs ten commits). When there is more
//     to do than that, it starts workers.
//   - order.go cuts packs into chunks of 128 KiB. git writes commits in runs, children first, so that a chunk that holds
//     one wanted commit tends to hold hundreds.
//   - sweep.go chooses the next chunk, and how many commits in it may be decoded on suspicion: never more in vain
//     than were found so far, whatever the layout of the pack.
//   - visit.go decodes a chunk, with one call to libdeflate for all of it, and finds the parents' positions. bases.go keeps what
//     many deltas have in common.
//   - frontier.go takes the visits in order: a commit that a tip or a found commit names is given out, and marks its
//     parents. A commit that nobody has named yet is dropped, and decoded again should it be named later.
//
// All state of a walk is bits and integers over the positions of the index. Its memory beyond the mapped files is
// WalkOptions.Memory; a megabyte of bases for each worker; for each object of the packs two bits, and from the sweep on four bytes
// where the pack has no .rev file; and 13 bytes for each chunk. A pack of five million commits takes 22 MB so, or 2 MB with its
// .rev file. A commit outside of the packs takes a hundred bytes.
//
// The files are foreign input. Every offset, length and count is checked before it is used, sizes are capped before
// memory is taken, and what is damaged or beyond this package ends in one of ErrCorrupt, ErrNotFound, ErrTooLarge and ErrOdd.
// Object names are not verified: what comes from a network is verified when it is stored. A file that another
// process cuts short while it is mapped ends the program (SIGBUS), as in any reader that maps; git never does that,
// it removes and replaces whole files, which is safe here.
//
// Inflating is done by libdeflate. The build tag nolibdeflate, and a build without cgo, use compress/zlib instead.
//
// The formats are those of gitformat-pack(5) and gitrepository-layout(5), for repositories with SHA-1 names.
package packfile
