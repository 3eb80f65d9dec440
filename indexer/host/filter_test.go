package host

import (
	"strings"
	"testing"
)

func TestCheckFilterTellsExpressionsFromTheRest(t *testing.T) {
	for _, c := range []struct {
		name, filter, wantErr string
	}{
		{"array of repositories", "[?starts_with(name, 'pay')]", ""},
		{"envelope of Azure DevOps", "{value: value[?project.name == 'Shop' && !isDisabled]}", ""},
		{"as long as allowed", "[?name == '" + strings.Repeat("é", MaxFilter-13) + "']", ""},
		{"too long", "[?name == '" + strings.Repeat("é", MaxFilter) + "']", "at most 2000"},
		{"escaped pipe of an old page", `[?contains(name,'git') \| contains(name,'app')]`, "not JMESPath"},
		{"cut short", "[?name == 'a'", "not JMESPath"},
		{"empty", "", "not JMESPath"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckFilter(c.filter)
			switch {
			case c.wantErr == "" && err != nil:
				t.Fatal(err)
			case c.wantErr != "" && (err == nil || !strings.Contains(err.Error(), c.wantErr)):
				t.Fatalf("got %v, want an error with %q", err, c.wantErr)
			}
		})
	}
}
