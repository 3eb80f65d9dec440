package archtest

import (
	"slices"
	"strings"
	"testing"
)

// room is a folder and what its packages may import of the module. A path ending in "/..." stands for a folder and all
// below it.
type room struct {
	folder  string
	imports []string
}

// rooms is the table of imports; the first line that covers a package is its own. Every package may import what lies
// below itself in an internal folder.
func rooms() []room {
	return []room{
		{"daemon/config", nil},
		{"daemon/archtest", nil},
		{"daemon/...", []string{"daemon/...", "httpapi/...", "indexer/...", "storage/..."}},
		{"httpapi/...", []string{"httpapi/...", "storage"}},
		{"indexer/schedule", []string{"storage"}},
		{"indexer/issuekey", []string{"storage"}},
		{"indexer/mirror/...", []string{"indexer/mirror/...", "indexer/issuekey", "storage"}},
		{"indexer/webhook", []string{"indexer", "indexer/host", "storage"}},
		{"indexer/discovery", []string{"indexer", "indexer/host/...", "storage"}},
		{"indexer/host/...", []string{"indexer/host/...", "storage"}},
		{"indexer/smartcommit", []string{"indexer/issuekey"}},
		{"indexer/jira/...", []string{"indexer/host", "indexer/host/hostapi"}},
		{"indexer/command", []string{"indexer/host", "indexer/issuekey", "indexer/jira", "indexer/smartcommit", "storage"}},
		{"indexer", []string{"indexer/schedule", "indexer/issuekey", "indexer/mirror/...", "indexer/host", "indexer/host/filter", "storage"}},
		{"storage", nil},
		{"storage/...", []string{"storage/..."}},
		{"bench/...", []string{"bench/...", "daemon/...", "httpapi/...", "indexer/...", "storage/..."}},
	}
}

// testRooms is what tests may import in addition.
func testRooms() []room {
	return []room{
		{"httpapi/...", []string{"storage/..."}},
		{"indexer/...", []string{"indexer/...", "storage/...", "bench/..."}},
		{"storage/...", []string{"storage/..."}},
		{"daemon/...", []string{"bench/..."}},
	}
}

// libraries says in which folders a module may be imported that is kept to one place.
func libraries() map[string][]string {
	return map[string][]string{
		"github.com/libgit2/git2go":           {"indexer/mirror/..."},
		"github.com/cockroachdb/pebble":       {"storage/pebblestore/..."},
		"github.com/goccy/go-yaml":            {"daemon/config"},
		"github.com/jmespath/go-jmespath":     {"indexer/host/..."},
		"github.com/cenkalti/backoff":         {"indexer/..."},
		"github.com/alecthomas/kong":          {"daemon/...", "bench/..."},
		"github.com/vbauerster/mpb":           {"daemon/...", "bench/..."},
		"github.com/getkin/kin-openapi":       {"httpapi/...", "daemon/..."},
		"github.com/rogpeppe/go-internal":     {"daemon/..."},
		"golang.org/x/text":                   {"indexer/mirror/..."},
		"github.com/prometheus/client_golang": {"bench/asker", "daemon/...", "httpapi/...", "indexer", "indexer/command", "indexer/discovery", "indexer/host/...", "indexer/mirror/...", "indexer/webhook", "storage/pebblestore/..."},
	}
}

// testTools are the modules that no code but tests, and packages made for tests, may import.
func testTools() []string {
	return []string{
		"github.com/getkin/kin-openapi", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "go.uber.org/goleak",
		"pgregory.net/rapid",
	}
}

// covers reports whether the pattern, a folder or "folder/...", holds folder.
func covers(pattern, folder string) bool {
	above, open := strings.CutSuffix(pattern, "/...")
	return folder == above || open && strings.HasPrefix(folder, above+"/")
}

func coversAny(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, folder) })
}

// allowed gives what rooms let folder import, and whether a line covers it.
func allowed(rooms []room, folder string) ([]string, bool) {
	for _, r := range rooms {
		if covers(r.folder, folder) {
			return r.imports, true
		}
	}
	return nil, false
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		may, ok := allowed(rooms(), p.folder())
		if !ok {
			t.Errorf("%s: no line of the table covers this package", p.ImportPath)
			continue
		}
		tests, _ := allowed(testRooms(), p.folder())
		check := func(imports, may []string, kind string) {
			for _, path := range imports {
				to, own := strings.CutPrefix(path, module+"/")
				inside := covers(p.folder()+"/internal/...", to) || to == p.folder()
				if own && !inside && !coversAny(may, to) {
					t.Errorf("%s: %s %s; it may import %s", p.ImportPath, kind, path, orNothing(may))
				}
			}
		}
		check(p.Imports, may, "imports")
		check(p.testImports(), slices.Concat(may, tests), "its tests import")
	}
}

func orNothing(paths []string) string {
	if len(paths) == 0 {
		return "nothing of the module"
	}
	return strings.Join(paths, ", ")
}

func TestStorageImportsTheStandardLibraryOnly(t *testing.T) {
	for _, p := range packages(t) {
		if p.folder() != "storage" {
			continue
		}
		for _, path := range p.Imports {
			if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") || first == module {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}

func TestLibrariesAreKeptToTheirRooms(t *testing.T) {
	for _, p := range packages(t) {
		for _, path := range slices.Concat(p.Imports, p.testImports()) {
			for library, folders := range libraries() {
				if within(path, library) && !coversAny(folders, p.folder()) {
					t.Errorf("%s imports %s, which belongs to %s", p.ImportPath, path, strings.Join(folders, ", "))
				}
			}
		}
	}
}

func TestTestToolsStayInTests(t *testing.T) {
	for _, p := range packages(t) {
		for _, path := range p.Imports {
			for _, tool := range testTools() {
				if within(path, tool) && !p.forTests() {
					t.Errorf("%s imports %s outside of its tests", p.ImportPath, path)
				}
			}
		}
	}
}

// within reports whether the import path lies in the module, of whatever major version.
func within(path, module string) bool { return path == module || strings.HasPrefix(path, module+"/") }

func TestTheTableIsUnderstood(t *testing.T) {
	tests := []struct {
		pattern, folder string
		want            bool
	}{
		{"storage", "storage", true},
		{"storage", "storage/memstore", false},
		{"storage/...", "storage", true},
		{"storage/...", "storage/memstore", true},
		{"storage/...", "storages", false},
		{"indexer/host", "indexer/hosts", false},
	}
	for _, test := range tests {
		if got := covers(test.pattern, test.folder); got != test.want {
			t.Errorf("covers(%q, %q) = %v", test.pattern, test.folder, got)
		}
	}
}
