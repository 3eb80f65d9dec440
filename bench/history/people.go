package history

import (
	"strconv"
	"strings"
)

// person is an author, committer or tagger; the time zone is where the person sits.
type person struct{ name, mail, zone string }

var (
	givenNames  = [...]string{"Ada", "Björn", "Chen", "Divya", "Elif", "Farid", "Grace", "Hana", "Igor", "Jun", "Kofi", "Lena", "María", "Noor", "Olga", "Priya", "Quinn", "Rosa", "Sami", "Tomás", "Uma", "Viktor", "Wanjiru", "Zoë"}
	familyNames = [...]string{"Adeyemi", "Berg", "Costa", "Dvořák", "Endo", "Fischer", "García", "Hughes", "Ito", "Jansen", "Kowalski", "Lindqvist", "Mwangi", "Nguyen", "Okafor", "Petrov", "Rao", "Sørensen", "Takahashi", "Ueda", "Vega", "Weiss", "Yılmaz"}
	timeZones   = [...]string{"+0000", "+0100", "+0200", "+0530", "+0800", "+0900", "-0300", "-0500", "-0800", "+1345", "-0330"}
)

// mergeBot commits what a web page merges.
var mergeBot = person{"Merge Bot", "merge-bot@example.com", "+0000"}

// author gives the author of a number; the same number is the same author in every history.
func author(n int) person {
	given := givenNames[n%len(givenNames)]
	family := familyNames[(n+n/len(givenNames))%len(familyNames)]
	name := given + " " + family
	if round := n / (len(givenNames) * len(familyNames)); round > 0 {
		name += " " + strconv.Itoa(round+1)
	}
	mail := strings.ToLower(strings.Map(mailLetter, name)) + "@example.com"
	return person{name, mail, timeZones[n%len(timeZones)]}
}

// mailLetter spells the letters of the name lists for a mail address.
func mailLetter(r rune) rune {
	switch r {
	case ' ':
		return '.'
	case 'á':
		return 'a'
	case 'ë':
		return 'e'
	case 'í', 'ı':
		return 'i'
	case 'ö', 'ø':
		return 'o'
	case 'ř':
		return 'r'
	}
	return r
}
