package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"

	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// visit is one request to a Remote. It reads the mirror, and from when something is missing there a scratch repository.
type visit struct {
	ctx     context.Context
	on      *OnDemand
	remote  *Remote
	host    string
	objects *objects
	scratch *scratch
}

// end leaves the repositories.
func (v *visit) end() error {
	v.objects.close()
	if v.scratch == nil {
		return nil
	}
	return v.on.scratches.leave(v.scratch)
}

// enter goes on in the scratch repository, which has what the mirror has.
func (v *visit) enter() error {
	if v.scratch != nil {
		return nil
	}
	s, err := v.on.scratches.enter(v.remote.mirror.dir)
	if err != nil {
		return err
	}
	v.scratch = s
	o, err := openDirs(s.bare.dirs())
	if err != nil {
		return err
	}
	v.objects.close()
	*v.objects = *o // whoever reads from the one goes on with the other
	return nil
}

// need fetches objects that are in neither repository. Requests for one repository take turns, so that what two of them need
// is fetched once; when the server fails the one, it fails those that waited for it too, as each would wait as long again.
func (v *visit) need(oids []storage.OID, filter string) (err error) {
	if err := v.enter(); err != nil {
		return err
	}
	if err := v.scratch.queue.enter(v.ctx); err != nil {
		return err
	}
	defer func() { v.scratch.queue.leave(v.shared(err)) }()
	wants := v.objects.lacking(oids)
	if len(wants) == 0 {
		return nil
	}
	for _, g := range []gate{v.on.hosts.gate(v.host), v.on.fetching} {
		if err := g.enter(v.ctx); err != nil {
			return err
		}
		defer g.leave()
	}
	return v.fetch(wants, filter)
}

// shared gives the failure that others need not meet themselves: none that is of this request or of its objects only.
func (v *visit) shared(err error) error {
	if v.ctx.Err() != nil || errors.Is(err, storage.ErrDiffTooLarge) || errors.Is(err, storage.ErrNoObjects) || errors.Is(err, wire.ErrFilterRefused) {
		return nil
	}
	return err
}

// fetch brings objects into the scratch repository.
func (v *visit) fetch(wants []storage.OID, filter string) error {
	w, err := newPackWriter(v.ctx, v.objects, nil)
	if err != nil {
		return err
	}
	defer w.free()
	capped := &cappedWriter{w: w, left: v.on.options.MaxPack, most: v.on.options.MaxPack}
	got, err := v.remote.client.Fetch(v.ctx, wire.FetchRequest{Wants: wants, Filter: filter}, capped)
	if v.on.options.Received != nil {
		v.on.options.Received(got.Bytes)
	}
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		return refusal(err, filter)
	}
	v.on.scratches.grew(v.scratch, got.Bytes)
	if left := v.objects.lacking(wants); len(left) > 0 {
		return fmt.Errorf("%w: the server left out %d of %d objects that were asked for: use objects: full", storage.ErrNoObjects, len(left), len(wants))
	}
	return nil
}

// refusal makes out a server that does not hand out single objects. Git's does with protocol version 2, and with
// earlier ones only if it is told to (git-config(1), uploadpack.allowAnySHA1InWant).
func refusal(err error, filter string) error {
	if errors.Is(err, wire.ErrWantRefused) || filter == filterBelow && errors.Is(err, wire.ErrFilterRefused) {
		return fmt.Errorf("%w: the server does not hand out single trees and blobs (uploadpack.allowAnySHA1InWant, or protocol "+
			"version 2), or has these no more: allow it there, or use objects: full: %w", storage.ErrNoObjects, err)
	}
	return err
}

// cappedWriter takes no more than a number of bytes.
type cappedWriter struct {
	w    io.Writer
	left int64
	most int64
}

func (c *cappedWriter) Write(b []byte) (int, error) {
	if int64(len(b)) > c.left {
		return 0, fmt.Errorf("%w: more than %d MiB of trees or contents", storage.ErrDiffTooLarge, c.most>>20)
	}
	c.left -= int64(len(b))
	return c.w.Write(b)
}
