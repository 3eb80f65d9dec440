package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

func TestAnIndexInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	openStore(t, dir)
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, storage.ErrLocked) {
		t.Fatalf("got %v, want %v", err, storage.ErrLocked)
	}
}

func TestANewerFormatIsRefusedAndLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set(keyFormat, binary.AppendUvarint(nil, formatVersion+1), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Open(Options{Dir: dir}); !errors.Is(err, storage.ErrNewerFormat) {
			t.Fatalf("got %v, want %v", err, storage.ErrNewerFormat)
		}
	}
}

func TestAnOlderFormatIsRefusedWithTheWayOut(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set(keyFormat, binary.AppendUvarint(nil, 1), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, storage.ErrOlderFormat) || !strings.Contains(err.Error(), "built anew") {
		t.Fatalf("got %v, want %v with the way out", err, storage.ErrOlderFormat)
	}
}

func TestADamagedIndexIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, m := range manifests {
		if err := os.WriteFile(m, []byte("not a manifest, whatever else it is"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := Open(Options{Dir: dir}); err == nil {
		s.Close()
		t.Fatal("a damaged index was opened")
	}
}

func TestLeftoversOfACrashAreRemoved(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(dir, tablePrefix+"0.sst")
	if err := os.WriteFile(leftover, []byte("half a table"), 0o644); err != nil {
		t.Fatal(err)
	}
	openStore(t, dir)
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%v: the leftover is still there", err)
	}
}

func TestAClosedIndexAnswersWithAnError(t *testing.T) {
	ctx := context.Background()
	s, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Repository(ctx, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want %v", err, ErrClosed)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
}
