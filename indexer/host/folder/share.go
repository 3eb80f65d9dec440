package folder

import (
	"os"
	"path"
	"strconv"
	"strings"

	"keytrail/indexer/host"
)

// local gives the directory of this machine that the folder is.
func (h *Host) local() (string, error) {
	if !strings.HasPrefix(h.path, "//") {
		return path.Join("/", h.path), nil
	}
	table, err := os.ReadFile(h.mounts)
	if err != nil {
		return "", &host.Error{Kind: host.ErrUnreachable, Err: err,
			Text: "the table of mounts cannot be read, so " + h.path + " is not found: write the directory that it is mounted at as path"}
	}
	local, ok := mountedAt(h.path, string(table))
	if !ok {
		return "", host.Problem(host.ErrUnreachable, "the share %s is not mounted on this machine: mount it, as by mount -t cifs, and write //host/share "+
			"or the directory that it is mounted at as path", h.path)
	}
	return local, nil
}

// mountedAt gives the directory at which a share, or a folder in one, is mounted according to the table of proc_pid_mountinfo(5):
// the nearest one above it, and of several at the same place the last. Windows tells no upper from lower case.
func mountedAt(share, table string) (string, bool) {
	best, local := "", ""
	for line := range strings.Lines(table) {
		at, directory, ok := shareOf(line)
		if !ok || len(at) < len(best) || len(at) > len(share) || !strings.EqualFold(at, share[:len(at)]) {
			continue
		}
		if rest := share[len(at):]; rest == "" || rest[0] == '/' {
			best, local = at, path.Join(directory, rest)
		}
	}
	return local, best != ""
}

// shareOf reads a line of the table: the share, or the folder of it, that is mounted, and the directory. The fields are id, parent,
// device, root, directory, options and any number of tags; then a hyphen, type, source and the file system's own options.
func shareOf(line string) (share, directory string, ok bool) {
	mount, system, _ := strings.Cut(line, " - ")
	ofMount, ofSystem := strings.Fields(mount), strings.Fields(system)
	if len(ofMount) < 5 || len(ofSystem) < 2 {
		return "", "", false
	}
	root, directory := unescape(ofMount[3]), unescape(ofMount[4])
	share = strings.TrimRight(strings.ReplaceAll(unescape(ofSystem[1]), `\`, "/"), "/")
	if !strings.HasPrefix(share, "//") {
		return "", "", false
	}
	// The root is within the share for what is mounted a second time from the first mount's directory. For a folder of the share
	// that was mounted itself the source has it already.
	if root != "/" && !strings.HasSuffix(strings.ToLower(share), strings.ToLower(root)) {
		share += root
	}
	return share, directory, true
}

// unescape reads a field, in which spaces and the like are octal.
func unescape(field string) string {
	before, rest, ok := strings.Cut(field, `\`)
	if !ok || len(rest) < 3 {
		return field
	}
	code, err := strconv.ParseUint(rest[:3], 8, 8)
	if err != nil {
		return before + `\` + unescape(rest)
	}
	return before + string([]byte{byte(code)}) + unescape(rest[3:])
}
