package asker

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/indexer"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror"
	"keytrail/indexer/schedule"
	"keytrail/storage"
	"keytrail/storage/pebblestore"
)

// Options say whom to ask, and what.
type Options struct {
	Address   string // of a daemon, such as 127.0.0.1:8790; empty: the index is asked
	Data      string // keytrail's data directory, which no other process may have open
	Other     string // repository that is indexed into it again and again in busy turns
	Questions string // file that WriteQuestions wrote
}

// Run opens what is asked and takes turns until the input ends.
func Run(ctx context.Context, o Options, in io.Reader, out io.Writer) (err error) {
	questions, err := readQuestions(o.Questions)
	if err != nil {
		return err
	}
	if o.Address != "" {
		return OfDaemon(o.Address, questions).Serve(ctx, in, out)
	}
	store, err := pebblestore.Open(pebblestore.Options{Dir: filepath.Join(o.Data, "index"), Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	again, end, err := rebuild(ctx, store, o.Other)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return OfIndex(store, questions, again).Serve(ctx, in, out)
}

// rebuild gives what indexes a repository from nothing again and again until its context ends. A repository that the index
// does not have gets its first build here.
func rebuild(ctx context.Context, store storage.Store, path string) (again func(context.Context) error, end func() error, err error) {
	rules, err := issuekey.New(issuekey.Options{})
	if err != nil {
		return nil, nil, err
	}
	specs, err := mirror.ParseRefspecs(false, false, nil)
	if err != nil {
		return nil, nil, err
	}
	x := indexer.New(indexer.Options{
		Store: store, Rules: rules, Limits: schedule.Limits{Total: 1, PerHost: 1, Interval: time.Hour, MaxInterval: time.Hour},
		Log: zerolog.Nop(), Registerer: prometheus.NewRegistry(),
	})
	ids, err := x.SetTargets(ctx, []indexer.Target{{
		Spec: storage.RepositorySpec{HostID: path, Name: "again", URL: path}, Refspecs: specs,
	}}, false)
	if err != nil {
		return nil, nil, errors.Join(err, x.Close())
	}
	if _, err := x.Look(ctx, ids[0], nil); err != nil {
		return nil, nil, errors.Join(err, x.Close())
	}
	return func(ctx context.Context) error {
		for {
			if err := x.Reindex(ctx, ids[0], true); err != nil {
				return err
			}
			if _, err := x.Look(ctx, ids[0], nil); err != nil {
				return err
			}
		}
	}, x.Close, nil
}
