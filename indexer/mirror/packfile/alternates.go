package packfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxAlternates is how deep alternates may refer to alternates, which is git's limit.
const maxAlternates = 5

// objectDirs gives an objects directory and all that it borrows from, each once (objects/info/alternates in
// gitrepository-layout(5)). As with git, one that is away is passed over: what it had is then not found.
func objectDirs(dir string) ([]string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	dirs := []string{real}
	seen := map[string]bool{real: true}
	for depth, level := 0, dirs; len(level) > 0; depth++ {
		var next []string
		for _, d := range level {
			lent, err := alternates(d)
			if err != nil {
				return nil, err
			}
			for _, a := range lent {
				if a, err = filepath.EvalSymlinks(a); err != nil || seen[a] {
					continue
				}
				seen[a] = true
				next = append(next, a)
			}
		}
		if len(next) > 0 && depth == maxAlternates {
			return nil, fmt.Errorf("%w: alternates of %s are more than %d deep", ErrOdd, dir, maxAlternates)
		}
		dirs = append(dirs, next...)
		level = next
	}
	return dirs, nil
}

// alternates reads the list of one objects directory: a path in each line, relative to the directory, quoted as C does where
// it begins with a quote.
func alternates(dir string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the alternates: %w", err)
	}
	var paths []string
	for line := range strings.Lines(string(b)) {
		path := strings.TrimSuffix(line, "\n")
		if path == "" || path[0] == '#' {
			continue
		}
		if unquoted, err := strconv.Unquote(path); err == nil && path[0] == '"' {
			path = unquoted
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
