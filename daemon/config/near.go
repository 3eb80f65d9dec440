package config

// maxTypos is how many letters a key may be away from the one that was meant.
const maxTypos = 2

// nearest gives the first of the keys that are the fewest slips of the hand away from a misspelt one; false when none is near.
func nearest(misspelt string, keys []string) (key string, ok bool) {
	least := maxTypos + 1
	for _, k := range keys {
		// Of short words, two letters are too much of the whole.
		if n := typos(misspelt, k); n < least && 2*n < len(k) {
			key, least = k, n
		}
	}
	return key, least <= maxTypos
}

// typos is the number of letters to be put in, left out, replaced or swapped with their neighbour to make b of a (optimal string
// alignment, https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance). More than maxTypos may be given for any larger number.
func typos(a, b string) int {
	if max(len(a)-len(b), len(b)-len(a)) > maxTypos {
		return maxTypos + 1 // and a key as long as a file is not compared
	}
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
