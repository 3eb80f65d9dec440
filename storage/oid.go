package storage

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
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

// MinDigits is how many hexadecimal digits of an object id at least stand for it.
const MinDigits = 7

// CheckDigits refuses what cannot be the beginning of an object id: other than MinDigits to 40 hexadecimal digits.
func CheckDigits(digits string) error {
	isHex := !strings.ContainsFunc(digits, func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", c) })
	if n := len(digits); !isHex || n < MinDigits || n > 2*len(OID{}) {
		return fmt.Errorf("object id %.60q: want %d to 40 hexadecimal digits", digits, MinDigits)
	}
	return nil
}

// Between gives the least and the greatest object id that begin with some hexadecimal digits.
func Between(digits string) (least, greatest OID, err error) {
	if err := CheckDigits(digits); err != nil {
		return OID{}, OID{}, err
	}
	rest := 2*len(OID{}) - len(digits)
	if least, err = ParseOID(digits + strings.Repeat("0", rest)); err == nil {
		greatest, err = ParseOID(digits + strings.Repeat("f", rest))
	}
	return least, greatest, err
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
