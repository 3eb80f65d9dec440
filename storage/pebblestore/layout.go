package pebblestore

import (
	"encoding/binary"
	"fmt"
	"math"

	"keytrail/storage"
)

// formatVersion is written into each index. An index of a newer format is refused: see storage.ErrNewerFormat.
const formatVersion = 1

// The keyspaces, one leading byte each. Integers in keys are big-endian, so that they sort by value:
// repository is 4 bytes, ordinal 5, object id 20. Values are described beside their codecs.
//
//	X name                                     counters of the whole index
//	R repository                            -> what is known of a repository
//	I length integration host-id            -> repository
//	T repository ref                        -> tip
//	B project 0 length digits repository ref   the ref's name carries the key project-digits
//	O oid                                   -> ordinal
//	C ordinal                               -> commit: who, when, message; shared by all repositories that hold it
//	H ordinal                               -> how many repositories hold the commit; absent means one
//	M repository ordinal                    -> member: reference count, parents, keys of the message
//	N repository oid ref                    -> note
//	P project 0 length digits time ordinal repository   a posting; time is inverted, so that the newest comes first
//
// An ordinal numbers a commit for the whole index; a commit has a greater one than its parents, save where a shallow
// repository showed the child first. The digits of an issue number follow their count, so that numbers sort by value.
const (
	spaceMeta       = 'X'
	spaceRepository = 'R'
	spaceIdentity   = 'I'
	spaceTip        = 'T'
	spaceBranchName = 'B'
	spaceOrdinal    = 'O'
	spaceCommit     = 'C'
	spaceHolders    = 'H'
	spaceMember     = 'M'
	spaceNote       = 'N'
	spacePosting    = 'P'
)

// ordinal numbers a commit in this index, from 1.
type ordinal uint64

const ordinalBytes = 5

func appendOrdinal(k []byte, o ordinal) []byte {
	return append(k, byte(o>>32), byte(o>>24), byte(o>>16), byte(o>>8), byte(o))
}

func readOrdinal(b []byte) ordinal {
	return ordinal(b[0])<<32 | ordinal(binary.BigEndian.Uint32(b[1:]))
}

func appendRepository(k []byte, id storage.RepositoryID) []byte {
	return binary.BigEndian.AppendUint32(k, uint32(id))
}

func readRepository(b []byte) storage.RepositoryID {
	return storage.RepositoryID(binary.BigEndian.Uint32(b))
}

func keyMeta(name string) []byte { return append([]byte{spaceMeta}, name...) }

func keyOfRepository(space byte, id storage.RepositoryID) []byte {
	return appendRepository([]byte{space}, id)
}

func keyIdentity(s storage.RepositorySpec) []byte {
	return append(appendString([]byte{spaceIdentity}, s.Integration), s.HostID...)
}

func keyTip(id storage.RepositoryID, ref string) []byte {
	return append(keyOfRepository(spaceTip, id), ref...)
}

func keyOrdinal(oid storage.OID) []byte { return append([]byte{spaceOrdinal}, oid[:]...) }

func keyCommit(o ordinal) []byte  { return appendOrdinal([]byte{spaceCommit}, o) }
func keyHolders(o ordinal) []byte { return appendOrdinal([]byte{spaceHolders}, o) }

func keyMember(id storage.RepositoryID, o ordinal) []byte {
	return appendOrdinal(keyOfRepository(spaceMember, id), o)
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

func keyPostings(key storage.IssueKey) []byte { return appendIssue([]byte{spacePosting}, key) }

func keyPosting(key storage.IssueKey, seconds int64, o ordinal, id storage.RepositoryID) []byte {
	k := appendNewestFirst(keyPostings(key), seconds)
	return appendRepository(appendOrdinal(k, o), id)
}

// appendNewestFirst writes a time so that later ones sort before earlier ones, also before 1970.
func appendNewestFirst(k []byte, seconds int64) []byte {
	return binary.BigEndian.AppendUint64(k, math.MaxUint64-(uint64(seconds)^1<<63))
}

// posting is a decoded key of the posting space.
type posting struct {
	key        storage.IssueKey
	seconds    int64
	ordinal    ordinal
	repository storage.RepositoryID
}

const postingTail = 8 + ordinalBytes + 4

// readPostingTail decodes what follows the issue key.
func readPostingTail(b []byte) (posting, error) {
	if len(b) != postingTail {
		return posting{}, fmt.Errorf("%w: a posting has %d bytes behind its issue key", storage.ErrCorrupt, len(b))
	}
	return posting{
		seconds:    int64((math.MaxUint64 - binary.BigEndian.Uint64(b)) ^ 1<<63),
		ordinal:    readOrdinal(b[8:]),
		repository: readRepository(b[8+ordinalBytes:]),
	}, nil
}

func readPosting(key []byte) (posting, error) {
	issue, rest, err := readIssue(key[1:])
	if err != nil {
		return posting{}, err
	}
	p, err := readPostingTail(rest)
	p.key = issue
	return p, err
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
