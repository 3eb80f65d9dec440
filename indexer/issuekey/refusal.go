package issuekey

// refusal is why a hyphen does not make a key; accepted is none.
type refusal uint8

const (
	accepted refusal = iota
	noNumber
	leadingZero
	longNumber
	numberGlued
	noProject
	lowerCase
	noLetterFirst
	shortProject
	longProject
	projectGlued
	hyphenated
	denied
	notListed
)

// String gives the reason in plain words, with no full stop.
func (no refusal) String() string {
	return [...]string{
		accepted:      "it is a key",
		noNumber:      "no number follows the hyphen",
		leadingZero:   "number has a leading zero",
		longNumber:    "number is too long",
		numberGlued:   "number is followed by a letter",
		noProject:     "what is left of the hyphen cannot be in a project key",
		lowerCase:     "project key has lower-case letters, and this text is matched in upper case only",
		noLetterFirst: "project key does not begin with a letter",
		shortProject:  "project key must have at least two characters",
		longProject:   "project key is longer than 255 characters",
		projectGlued:  "project key is preceded by a letter",
		hyphenated:    "project key is preceded by an upper-case letter and a hyphen",
		denied:        "project is in the deny list",
		notListed:     "project is not in the list of projects",
	}[no]
}
