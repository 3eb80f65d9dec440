package bench

import (
	"context"
	_ "embed" // of the peers' sources
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// The peers that are programs of ours: libgit2 that fetches, libgit2 that walks, and libdeflate that inflates.
var (
	//go:embed peer/fetch.c
	fetchSource string
	//go:embed peer/walk.c
	walkSource string
	//go:embed peer/inflate.c
	inflateSource string
)

// buildPeer compiles a peer with the system's compiler and gives the version of the library that it shows.
func buildPeer(ctx context.Context, binary, source, library string) (version string, err error) {
	if version, err = output(ctx, "pkg-config", "--modversion", library); err != nil {
		return "", fmt.Errorf("no %s to measure beside, install %s-dev: %w", library, library, err)
	}
	flags, err := output(ctx, "pkg-config", "--cflags", "--libs", library)
	if err != nil {
		return "", err
	}
	args := append([]string{"-O2", "-pthread", "-o", binary, "-xc", "-"}, strings.Fields(flags)...)
	cmd := exec.CommandContext(ctx, "cc", args...)
	cmd.Env = environment()
	cmd.Stdin = strings.NewReader(source)
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the peer of %s: %w: %s", library, err, said)
	}
	return version, nil
}

// peers are the programs of ours that an index is measured beside, in a directory of their own.
type peers struct{ dir string }

func (p peers) walk() string    { return filepath.Join(p.dir, "walk") }
func (p peers) inflate() string { return filepath.Join(p.dir, "inflate") }

// build compiles them, finds what inflate needs to know of a repository, and tells their versions.
func (p peers) build(ctx context.Context, repo string, v *Versions) (err error) {
	if v.Libgit2, err = buildPeer(ctx, p.walk(), walkSource, "libgit2"); err != nil {
		return err
	}
	if v.Libdeflate, err = buildPeer(ctx, p.inflate(), inflateSource, "libdeflate"); err != nil {
		return err
	}
	for _, pack := range packs(repo) {
		if _, err := output(ctx, p.inflate(), "list", p.plan(pack), strings.TrimSuffix(pack, ".pack")+".idx", pack); err != nil {
			return fmt.Errorf("find the commits of %s: %w", filepath.Base(pack), err)
		}
	}
	return nil
}

// packs are those of a bare repository, in a fixed order.
func packs(repo string) []string {
	names, _ := filepath.Glob(filepath.Join(repo, "objects", "pack", "*.pack")) // the pattern is good
	return names
}

// plan is the file that says where the commits of a pack are.
func (p peers) plan(pack string) string { return filepath.Join(p.dir, filepath.Base(pack)+".plan") }

// commands are the contestants that the programs are, for a case of one repository.
func (p peers) commands(repo string) []command {
	walk := func(name, threads string) command {
		return command{
			name:  name,
			shown: "bench/peer/walk.c: walk REPO " + threads + " COUNT",
			proof: provesCommits,
			argv: func(dir string) []string {
				return []string{p.walk(), repo, threads, filepath.Join(dir, countFile)}
			},
		}
	}
	inflate := command{
		name:  NameInflate,
		shown: "bench/peer/inflate.c: inflate run 2 COUNT PLAN PACK",
		proof: provesCommits,
		argv: func(dir string) []string {
			argv := []string{p.inflate(), "run", "2", filepath.Join(dir, countFile)}
			for _, pack := range packs(repo) {
				argv = append(argv, p.plan(pack), pack)
			}
			return argv
		},
	}
	return []command{walk(NameWalk, "1"), walk(nameWalk2, "2"), inflate}
}
