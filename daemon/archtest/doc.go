// Package archtest holds the project to its shape: which package may import which, where a library may be used, where Go
// code lives, how long a file is. There is nothing here but tests; a failure names the file or package and the rule.
//
// To add a package, give it a line in the table of imports_test.go, unless the line of its folder covers it.
package archtest
