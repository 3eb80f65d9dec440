package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"keytrail/bench/reference"
)

// Pair says that a commit names an issue.
type Pair struct{ Key, SHA string }

// bag stands for a collection of pairs in any order: two are equal if their bags are. It is a sum of hashes, so that
// this process stays small (see measure).
type bag struct {
	n   int
	sum [4]uint64
}

func (b *bag) add(p Pair) {
	h := sha256.Sum256([]byte(p.Key + "\x00" + p.SHA))
	for i := range b.sum {
		b.sum[i] += binary.LittleEndian.Uint64(h[8*i:])
	}
	b.n++
}

func (b *bag) join(other bag) {
	for i := range b.sum {
		b.sum[i] += other.sum[i]
	}
	b.n += other.n
}

// expectation is what git log says, by the reference grammar.
type expectation struct {
	pairs   bag
	named   int // different keys in messages
	commits int // that any ref reaches, those that hold notes among them
}

// check runs every command once, untimed: keytrail's first, whose answers are held against git log's, and then its
// peers', which are compiled between. A peer's keys, by another grammar, must be the same from every peer and no fewer
// than the messages hold.
func (r runner) check(ctx context.Context, cases []indexCase, p peers, report *Report) error {
	want, err := r.expected(ctx, report)
	if err != nil {
		return err
	}
	k := checker{runner: r, want: want, report: report}
	for _, c := range cases {
		if err := k.one(ctx, c, c.commands[0]); err != nil {
			return err
		}
	}
	if err := p.build(ctx, r.Repo, &report.Versions); err != nil {
		return err
	}
	for _, c := range cases {
		for _, peer := range c.commands[1:] {
			if err := k.one(ctx, c, peer); err != nil {
				return err
			}
		}
	}
	return nil
}

// checker holds answers against what is expected.
type checker struct {
	runner
	want   expectation
	report *Report
	keys   []byte // digest of the keys that a peer has found
}

// one runs a command and checks its answer.
func (k *checker) one(ctx context.Context, where indexCase, c command) error {
	fmt.Fprintf(k.log, "checking %s, %s\n", where.name, c.name)
	if c.checked != nil {
		c.argv = c.checked
	}
	_, err := k.once(ctx, c, func(dir string) error {
		switch c.proof {
		case provesKeys:
			return k.sameKeys(filepath.Join(dir, keysFile))
		case provesCommits:
			return k.allCommits(c, filepath.Join(dir, countFile))
		default:
			return k.sameAnswer(ctx, stored(dir), k.want.pairs)
		}
	})
	return err
}

func (k *checker) sameKeys(file string) error {
	lines, digest, err := answer(file)
	switch {
	case err != nil:
		return err
	case lines < k.want.named:
		return fmt.Errorf("found %d keys, messages name %d", lines, k.want.named)
	case k.keys != nil && !bytes.Equal(k.keys, digest):
		return errors.New("found other keys than the peer before it")
	}
	k.keys, k.report.Repository.PeerKeys = digest, lines
	return nil
}

// allCommits checks that a peer read every commit. Packs may hold more than refs reach, which inflating alone does not know.
func (k *checker) allCommits(c command, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	n, err := strconv.Atoi(first)
	switch {
	case err != nil:
		return fmt.Errorf("its count of commits: %w", err)
	case c.name == NameInflate && n < k.want.commits:
		return fmt.Errorf("the packs hold %d commits of %d: pack the repository first, git repack -a -d", n, k.want.commits)
	case c.name != NameInflate && n != k.want.commits:
		return fmt.Errorf("read %d commits of %d", n, k.want.commits)
	}
	return nil
}

// expected reads git log and fills in what the repository holds.
func (r runner) expected(ctx context.Context, report *Report) (expectation, error) {
	var want expectation
	keys := map[string]bool{} // whether a message names it
	for c, err := range reference.Log(ctx, r.Repo) {
		if err != nil {
			return expectation{}, err
		}
		report.Repository.Commits++
		for i, k := range c.Keys {
			want.pairs.add(Pair{k, c.SHA})
			keys[k] = keys[k] || i < len(c.Keys)-c.Noted
		}
	}
	for _, inMessage := range keys {
		if inMessage {
			want.named++
		}
	}
	report.Repository.Keys, report.Repository.Pairs = len(keys), want.pairs.n
	reached, err := readTruth(ctx, r.Repo, nil)
	want.commits = reached.commits
	return want, err
}

// answer counts and hashes the lines of a peer's answer.
func answer(file string) (lines int, digest []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	h := sha256.New()
	in := bufio.NewScanner(io.TeeReader(f, h))
	for in.Scan() {
		lines++
	}
	return lines, h.Sum(nil), in.Err()
}

// stored names the index of a run to keytrail export.
func stored(dir string) []string { return []string{"--data", filepath.Join(dir, dataDir)} }

// sameAnswer compares what keytrail exports from an index, named by flags, with what is wanted.
func (r runner) sameAnswer(ctx context.Context, index []string, want bag) error {
	var got bag
	if err := r.export(ctx, index, got.add); err != nil {
		return err
	}
	if got == want {
		return nil
	}
	return r.difference(ctx, index)
}

// export runs keytrail export and gives each pair to the function.
func (r runner) export(ctx context.Context, index []string, to func(Pair)) error {
	cmd := exec.CommandContext(ctx, r.Keytrail, append([]string{"export"}, index...)...)
	cmd.Env = environment()
	var said tail
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for in := json.NewDecoder(out); err == nil; {
		var line struct {
			Key string `json:"key"`
			SHA string `json:"sha"`
		}
		if err = in.Decode(&line); err == nil {
			to(Pair{line.Key, line.SHA})
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	} else {
		_, drainErr := io.Copy(io.Discard, out) // let it end by itself
		err = errors.Join(err, drainErr)
	}
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("keytrail export: %w: %s", err, said.text())
	}
	return nil
}

// shownPairs is how many pairs of each kind a difference names.
const shownPairs = 5

// difference says in which pairs keytrail and git log disagree. It is called only where they do.
func (r runner) difference(ctx context.Context, index []string) error {
	want := map[Pair]int{}
	for c, err := range reference.Log(ctx, r.Repo) {
		if err != nil {
			return err
		}
		for _, k := range c.Keys {
			want[Pair{k, c.SHA}]++
		}
	}
	if err := r.export(ctx, index, func(p Pair) { want[p]-- }); err != nil {
		return err
	}
	var missing, extra []string
	for p, n := range want {
		switch text := p.Key + " " + p.SHA; {
		case n > 0:
			missing = append(missing, text)
		case n < 0:
			extra = append(extra, text)
		}
	}
	return fmt.Errorf("keytrail's answer is not git log's: %s; %s", some("missing", missing), some("extra", extra))
}

func some(what string, pairs []string) string {
	slices.Sort(pairs)
	return fmt.Sprintf("%d pairs %s (%s)", len(pairs), what, strings.Join(pairs[:min(len(pairs), shownPairs)], ", "))
}
