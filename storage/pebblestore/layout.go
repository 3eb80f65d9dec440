package pebblestore

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"keytrail/storage"
)

// formatVersion is written into each index. One of another format is refused: see storage.ErrNewerFormat and
// storage.ErrOlderFormat.
const formatVersion = 3

// The keyspaces, one leading byte each; FORMAT.md has them byte by byte. Integers in keys are big-endian, so that they sort by value: repository is 4
// bytes, as are block, ordinal and bucket. Values are described beside their codecs.
//
//	X name                                counters of the whole index
//	R repository                       -> what is known of a repository
//	I length integration host-id       -> repository
//	T repository ref                   -> tip
//	B project 0 length digits repository ref   the ref's name carries the key project-digits
//	N repository oid ref               -> note
//	P repository host's-id             -> pull request
//	Q project 0 length digits time repository host's-id   the pull request belongs to the issue; the last changed first
//	S repository                       -> how far its pull requests have been read
//	A number                           -> association, in the order in which they were decided
//	V oid project 0 length digits      -> verdict that stands about the commit and the issue
//	F sequence part                    -> postings that a write added and dropped
//	Z repository                       -> ordinal that its last reset began with
//	C number                           -> command, in the order in which they were taken up
//	D oid index                        -> number of the command
//	U number                              the command is not finished
//	E project 0 length digits number      the command is about the issue
//	m repository block                 -> members: object ids, times, parents, reference counts, keys of 64 commits
//	c repository block                 -> texts: authors, committers and messages of 64 commits
//	l repository ordinal               -> a message too long for its block
//	o repository bucket                -> object ids to ordinals
//	p project 0 length digits repository time ordinal -> postings from this one on, oldest first
//
// An ordinal numbers a commit for its repository, and is not used again; ordinal/64 is its block. A bucket holds the object
// ids that begin with the same bits: as many bits as the repository's record says. The digits of an issue number follow their count,
// so that numbers sort by value; the postings of an issue lie side by side across repositories.
//
// All but what lies by issue (B, E, Q, p) and what belongs to no repository (A, V, F, C, D, U) begins with the repository, so that deleting one
// is a deletion of ranges. Small letters are the keyspaces that grow with the commits: a bulk write gives each of them tables of its own.
const (
	spaceMeta        = 'X'
	spaceRepository  = 'R'
	spaceIdentity    = 'I'
	spaceTip         = 'T'
	spaceBranchName  = 'B'
	spaceNote        = 'N'
	spacePull        = 'P'
	spacePullOfIssue = 'Q'
	spacePullCursor  = 'S'
	spaceAssociation = 'A'
	spaceVerdict     = 'V'
	spaceFeed        = 'F'
	spaceResetBase   = 'Z'
	spaceCommand     = 'C'
	spaceCommandID   = 'D'
	spaceUnfinished  = 'U'
	spaceCommandKey  = 'E'
	spaceMembers     = 'm'
	spaceTexts       = 'c'
	spaceLongText    = 'l'
	spaceBucket      = 'o'
	spacePosting     = 'p'
)

// isLarge tells of a keyspace that grows with the commits.
func isLarge(space byte) bool { return space >= 'a' }

// ordinal numbers a commit in its repository, from 0.
type ordinal uint32

const (
	blockBits = 6
	blockSize = 1 << blockBits // commits
)

func (o ordinal) block() uint32 { return uint32(o >> blockBits) }
func (o ordinal) slot() int     { return int(o % blockSize) }

// firstOf gives the ordinal that a block begins with.
func firstOf(block uint32) ordinal { return ordinal(block) << blockBits }

func appendRepository(k []byte, id storage.RepositoryID) []byte {
	return binary.BigEndian.AppendUint32(k, uint32(id))
}

func readRepository(b []byte) storage.RepositoryID {
	return storage.RepositoryID(binary.BigEndian.Uint32(b))
}

func keyMeta(name string) []byte { return append([]byte{spaceMeta}, name...) }

func keyOfRepository(space byte, id storage.RepositoryID) []byte {
	return appendRepository(append(make([]byte, 0, 16), space), id)
}

// keyNumbered is a key of the spaces that number what a repository has: blocks, ordinals, buckets.
func keyNumbered(space byte, id storage.RepositoryID, n uint32) []byte {
	return binary.BigEndian.AppendUint32(keyOfRepository(space, id), n)
}

// readNumber gives the last number of such a key.
func readNumber(key []byte) uint32 { return binary.BigEndian.Uint32(key[headOfRepository:]) }

const headOfRepository = 1 + 4 // bytes of a key before what the repository names

func keyIdentity(s storage.RepositorySpec) []byte {
	return append(appendString([]byte{spaceIdentity}, s.Integration), s.HostID...)
}

func keyTip(id storage.RepositoryID, ref string) []byte {
	return append(keyOfRepository(spaceTip, id), ref...)
}

func keyNotes(id storage.RepositoryID, object storage.OID) []byte {
	return append(keyOfRepository(spaceNote, id), object[:]...)
}

func keyNote(id storage.RepositoryID, object storage.OID, ref string) []byte {
	return append(keyNotes(id, object), ref...)
}

// appendIssue writes an issue key so that keys of one project sort by number.
func appendIssue(k []byte, key storage.IssueKey) []byte {
	digits := key.Number()
	k = append(k, key.Project()...)
	k = append(k, 0, byte(len(digits)))
	return append(k, digits...)
}

// readIssue is the inverse of appendIssue; rest is what follows the issue key.
func readIssue(b []byte) (key storage.IssueKey, rest []byte, err error) {
	for i, c := range b {
		if c != 0 {
			continue
		}
		if i+2 > len(b) || i+2+int(b[i+1]) > len(b) {
			break
		}
		end := i + 2 + int(b[i+1])
		return storage.IssueKey(string(b[:i]) + "-" + string(b[i+2:end])), b[end:], nil
	}
	return "", nil, fmt.Errorf("%w: an issue key is cut short", storage.ErrCorrupt)
}

func keyBranchName(key storage.IssueKey, id storage.RepositoryID, ref string) []byte {
	return append(appendRepository(appendIssue([]byte{spaceBranchName}, key), id), ref...)
}

func keyPull(id storage.RepositoryID, name string) []byte {
	return append(keyOfRepository(spacePull, id), name...)
}

func keyPullsOfIssue(key storage.IssueKey) []byte {
	return appendIssue(append(make([]byte, 0, 64), spacePullOfIssue), key)
}

// keyPullOfIssue is a pull request among those of an issue, which lie in the order of answers.
func keyPullOfIssue(key storage.IssueKey, p storage.PullRequest) []byte {
	k := keyPullsOfIssue(key)
	k = binary.BigEndian.AppendUint64(k, ^(uint64(p.Updated.Unix()) ^ 1<<63))
	k = binary.BigEndian.AppendUint32(k, ^uint32(p.Updated.Nanosecond()))
	return append(appendRepository(k, p.Repository), p.ID...)
}

const placeOfPull = 8 + 4 + 4 // bytes between the issue and the host's id

func keyPostings(key storage.IssueKey) []byte {
	return appendIssue(append(make([]byte, 0, 64), spacePosting), key)
}

// entry is one posting of an issue in a repository.
type entry struct {
	seconds int64 // committer date
	ordinal ordinal
}

// compare orders entries as they are stored: oldest first.
func (e entry) compare(f entry) int {
	return cmp.Or(cmp.Compare(e.seconds, f.seconds), cmp.Compare(e.ordinal, f.ordinal))
}

// appendPlace writes where in an issue's postings a repository's entry is.
func appendPlace(k []byte, id storage.RepositoryID, e entry) []byte {
	k = appendRepository(k, id)
	k = binary.BigEndian.AppendUint64(k, uint64(e.seconds)^1<<63) // times before 1970 sort before those after
	return binary.BigEndian.AppendUint32(k, uint32(e.ordinal))
}

const placeBytes = 4 + 8 + 4

// readPlace decodes what follows the issue key.
func readPlace(b []byte) (storage.RepositoryID, entry, error) {
	if len(b) != placeBytes {
		return 0, entry{}, fmt.Errorf("%w: postings have %d bytes behind their issue key", storage.ErrCorrupt, len(b))
	}
	return readRepository(b), entry{
		seconds: int64(binary.BigEndian.Uint64(b[4:]) ^ 1<<63),
		ordinal: ordinal(binary.BigEndian.Uint32(b[12:])),
	}, nil
}

// after gives the smallest key that is greater than all keys with the prefix.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}
