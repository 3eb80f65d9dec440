package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "keytrail"

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath   string
	Name         string
	Doc          string
	GoFiles      []string
	CgoFiles     []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// folder is the path below the module, "" for its root.
func (p pkg) folder() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// forTests reports whether the package exists to be imported by tests.
func (p pkg) forTests() bool { return strings.HasSuffix(p.Name, "test") }

// testImports gives what only the package's tests import.
func (p pkg) testImports() []string {
	return slices.DeleteFunc(slices.Concat(p.TestImports, p.XTestImports), func(path string) bool {
		return slices.Contains(p.Imports, path)
	})
}

// packages lists the module. A package that does not build is listed too: the shape is judged by itself.
func packages(t *testing.T) []pkg {
	t.Helper()
	const fields = "-json=ImportPath,Name,Doc,GoFiles,CgoFiles,Imports,TestImports,XTestImports"
	dec := json.NewDecoder(bytes.NewReader(goTool(t, "list", "-e", fields, "./...")))
	var list []pkg
	for {
		var p pkg
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return list
		case err != nil:
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// goTool runs the go command at the root of the module and gives its output.
func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, problem.String())
	}
	return out
}

// root is the module's folder as seen from this package, where its tests run.
const root = "../.."

// source is a file of the project.
type source struct {
	path string // from the root, with slashes
	text string
}

// sources gives the project's files with one of the names or suffixes, without what it makes when it runs.
func sources(t *testing.T, suffixes ...string) []source {
	t.Helper()
	made := []string{".git", "bin", "data", "demo", "bench/_work"}
	var files []source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(path, root), string(filepath.Separator)))
		if entry.IsDir() {
			if slices.Contains(made, rel) {
				return filepath.SkipDir
			}
			return nil
		}
		wanted := func(suffix string) bool { return strings.HasSuffix(rel, suffix) }
		if !entry.Type().IsRegular() || !slices.ContainsFunc(suffixes, wanted) {
			return nil
		}
		text, err := os.ReadFile(path)
		files = append(files, source{rel, string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
