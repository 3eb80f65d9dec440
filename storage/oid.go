package storage

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// OID is the SHA-1 name of a git object. The zero OID names no object: it stands for a ref that is absent.
type OID [20]byte

// ParseOID reads the 40 hexadecimal digits of a full object id, in either case.
func ParseOID(s string) (OID, error) {
	var o OID
	if len(s) != 2*len(o) {
		return OID{}, fmt.Errorf("object id %.60q: want 40 hexadecimal digits, have %d characters", s, len(s))
	}
	if _, err := hex.Decode(o[:], []byte(s)); err != nil {
		return OID{}, fmt.Errorf("object id %q: want 40 hexadecimal digits", s)
	}
	return o, nil
}

// String gives the 40 lower-case hexadecimal digits.
func (o OID) String() string { return hex.EncodeToString(o[:]) }

// IsZero reports whether o names no object.
func (o OID) IsZero() bool { return o == OID{} }

// Compare orders object ids by their bytes.
func (o OID) Compare(p OID) int { return bytes.Compare(o[:], p[:]) }

// MarshalText gives the hexadecimal form, so that an OID is a JSON string.
func (o OID) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (o *OID) UnmarshalText(b []byte) error {
	p, err := ParseOID(string(b))
	if err != nil {
		return err
	}
	*o = p
	return nil
}
