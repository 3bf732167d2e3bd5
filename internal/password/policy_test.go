package password

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// named is a policy that must exist.
func named(t rapid.TB, name string, oneTimeCodes bool) Policy {
	t.Helper()
	policy, err := Named(name, oneTimeCodes)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// checkTable compares all codes a password gets, in their order.
func checkTable(t *testing.T, policy Policy, about Subject, table map[string][]string) {
	t.Helper()
	for password, want := range table {
		if got := policy.Check(password, about); !slices.Equal(got, want) {
			t.Errorf("%s: Check(%q) = %v, want %v", policy.Name, password, got, want)
		}
	}
}

// Requirement: ID-10
// Case: AUTH-13
func TestStrict(t *testing.T) {
	t.Parallel()
	about := Subject{Username: "anna.mueller-42@Firma.de", FirstName: "Anna", LastName: "Mueller"}
	checkTable(t, named(t, Strict, false), about, map[string][]string{
		"": {CodeTooShort, CodeLetterMissing, CodeDigitMissing, CodeSpecialMissing},

		"abcde1!":                            {CodeTooShort},
		"abcdef1!":                           nil,
		"1!" + strings.Repeat("abcde", 6):    nil,
		"12!" + strings.Repeat("abcde", 6):   {CodeTooLong},
		"12!" + strings.Repeat("\u00e4", 30): {CodeTooLong, CodeLetterMissing, CodeForbiddenCharacter},

		"12345678!":  {CodeLetterMissing},
		"abcdefgh!":  {CodeDigitMissing},
		"abcdefgh1":  {CodeSpecialMissing},
		"ABCDEFG1!":  nil,
		"abcdefgh":   {CodeDigitMissing, CodeSpecialMissing},
		"12345678":   {CodeLetterMissing, CodeSpecialMissing},
		"!!!!!!!!":   {CodeLetterMissing, CodeDigitMissing},
		"Passwort1!": nil,

		"abcdefg1\u2018":       nil,
		"abcdefg1\u00b7":       nil,
		"abcdefg1!$/()=?*+#'":  nil,
		"abcdefg1-_.:,;":       nil,
		"abcdefg1\u2019":       {CodeSpecialMissing, CodeForbiddenCharacter},
		"abcdefg1!\u00e4":      {CodeForbiddenCharacter},
		"abcdefg1!a\u0308":     {CodeForbiddenCharacter},
		"stra\u00dfe1!":        {CodeForbiddenCharacter},
		"abcdefg1! ":           {CodeForbiddenCharacter},
		"abcdefg1!%":           {CodeForbiddenCharacter},
		"\uff41bcdefg1!":       {CodeForbiddenCharacter},
		"abcdefg\u0661!":       {CodeDigitMissing, CodeForbiddenCharacter},
		"abcdefg1!\xff":        {CodeForbiddenCharacter},
		"\u00e4\u00f6\u00fc1!": {CodeTooShort, CodeLetterMissing, CodeForbiddenCharacter},

		"xANNAx-12":                     {CodeContainsUsername},
		"1!mueller":                     {CodeContainsUsername},
		"firma-2026":                    {CodeContainsUsername},
		"ann-a.mue.lle.42-de":           nil,
		"Anna.Mueller-42@firma.de":      {CodeForbiddenCharacter, CodeContainsUsername},
		"annaanna\u00e4":                {CodeDigitMissing, CodeSpecialMissing, CodeForbiddenCharacter, CodeContainsUsername},
		strings.Repeat("Anna\u00e4", 9): {CodeTooLong, CodeDigitMissing, CodeSpecialMissing, CodeForbiddenCharacter, CodeContainsUsername},
	})
}

// Requirement: ID-10
func TestUserNameWithShortPartsOnly(t *testing.T) {
	t.Parallel()
	checkTable(t, named(t, Strict, false), Subject{Username: "a.b.c_d"}, map[string][]string{
		"xx-A.B.C_D-1": {CodeContainsUsername},
		"xx-a.b.c-1":   nil,
	})
	checkTable(t, named(t, Strict, false), Subject{Username: "m\u00fc.abc"}, map[string][]string{
		"xx-mu-12":  nil,
		"xx-abc-12": {CodeContainsUsername},
	})
	checkTable(t, named(t, Strict, false), Subject{}, map[string][]string{"xx-abc-12": nil})
}

// Requirement: ID-11
// Case: AUTH-13
func TestBasic(t *testing.T) {
	t.Parallel()
	about := Subject{Username: "berta.berg", Email: "berta.berg@firma.de", FirstName: "Berta", LastName: "Bergmann", Organization: "Müller & Söhne GmbH"}
	checkTable(t, named(t, Basic, false), about, map[string][]string{
		"":                                {CodeTooShort},
		"kx7#qpm":                         {CodeTooShort},
		"kx7#qpmz":                        nil,
		"\u00e4\u00f6\u00fc\u00dfkxqz":    nil,
		strings.Repeat("kx7q", 32):        nil,
		strings.Repeat("kx7q", 32) + "z":  {CodeTooLong},
		"password":                        {CodeCommon},
		"PassWord":                        {CodeCommon},
		"\uff50assword":                   {CodeCommon},
		"123456":                          {CodeTooShort, CodeCommon},
		"Passwort2026!":                   {CodeCommon},
		"fru\u0308hling2025":              {CodeCommon},
		"Kontor-2026!":                    nil,
		"Berta-Berg":                      {CodeCommon},
		"bergmann berta":                  {CodeCommon},
		"bertabergmann":                   {CodeCommon},
		"berta.berg@firma.de":             {CodeCommon},
		"mu\u0308ller so\u0308hne gmbh":   {CodeCommon},
		"mu\u0308ller so\u0308hne gmbh 7": nil,
	})
}

// Requirement: ID-11
func TestModern(t *testing.T) {
	t.Parallel()
	checkTable(t, named(t, Modern, false), Subject{}, map[string][]string{
		"kx7#qpmzkx7#qp":  {CodeTooShort},
		"kx7#qpmzkx7#qpm": nil,
		"\u4e00\u4e01\u4e02 \U0001f600 \u00e4\u00df\u0416\u0639 123x": nil,
		"passwordpassword":                {CodeCommon},
		"password":                        {CodeTooShort, CodeCommon},
		strings.Repeat("\U0001f600", 128): nil,
		strings.Repeat("\U0001f600", 129): {CodeTooLong},
	})
	checkTable(t, named(t, Modern, true), Subject{}, map[string][]string{
		"kx7#qpm":  {CodeTooShort},
		"kx7#qpmz": nil,
		"password": {CodeCommon},
	})
}

// Requirement: ID-11
func TestPinOTP(t *testing.T) {
	t.Parallel()
	policy := named(t, PinOTP, true)
	if !policy.OneTimeCodeRequired {
		t.Error("PIN_OTP does not demand a one-time code")
	}
	for _, name := range []string{Strict, Basic, Modern} {
		if named(t, name, false).OneTimeCodeRequired {
			t.Errorf("%s demands a one-time code", name)
		}
	}
	checkTable(t, policy, Subject{}, map[string][]string{
		"8203746":                 {CodeTooShort},
		"82037461":                nil,
		"8203746a":                {CodeNotDigits},
		"8203746 ":                {CodeNotDigits},
		"820374\u0661\u0662":      {CodeNotDigits},
		"-820":                    {CodeTooShort, CodeNotDigits},
		strings.Repeat("82", 64):  nil,
		strings.Repeat("82", 65):  {CodeTooLong},
		strings.Repeat("8a2", 43): {CodeTooLong, CodeNotDigits},
	})
}

// Case: AUTH-13
func TestLengthIsTheSameHoweverAccentsAreComposed(t *testing.T) {
	t.Parallel()
	policy := named(t, Basic, false)
	for _, sevenCharacters := range []string{"kx\u00fcqpmz", "kxu\u0308qpmz"} {
		if got := policy.Check(sevenCharacters, Subject{}); !slices.Equal(got, []string{CodeTooShort}) {
			t.Errorf("Check(%q) = %v, want %s", sevenCharacters, got, CodeTooShort)
		}
	}
	// 100 Hangul syllables, typed in parts: 900 bytes, which no hash takes.
	if got := policy.Check(strings.Repeat("\u1112\u1161\u11ab", 100), Subject{}); !slices.Equal(got, []string{CodeTooLong}) {
		t.Errorf("100 characters of 900 bytes: %v, want %s", got, CodeTooLong)
	}
}

// Requirement: ID-10
// Requirement: ID-11
func TestPoliciesAreReadableBeforeTyping(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		name         string
		oneTimeCodes bool
		least, most  int
		codes        []string
	}{
		{Strict, false, 8, 32, []string{CodeTooShort, CodeTooLong, CodeLetterMissing, CodeDigitMissing, CodeSpecialMissing, CodeForbiddenCharacter, CodeContainsUsername, CodeReused}},
		{Basic, false, 8, 128, []string{CodeTooShort, CodeTooLong, CodeCommon, CodeReused}},
		{Modern, false, 15, 128, []string{CodeTooShort, CodeTooLong, CodeCommon, CodeReused}},
		{Modern, true, 8, 128, []string{CodeTooShort, CodeTooLong, CodeCommon, CodeReused}},
		{PinOTP, true, 8, 128, []string{CodeTooShort, CodeTooLong, CodeNotDigits, CodeReused}},
	} {
		policy := named(t, want.name, want.oneTimeCodes)
		if policy.Name != want.name || policy.MinLength != want.least || policy.MaxLength != want.most {
			t.Errorf("%s: name %s, %d to %d characters, want %d to %d", want.name, policy.Name, policy.MinLength, policy.MaxLength, want.least, want.most)
		}
		var codes []string
		for _, rule := range policy.Rules {
			codes = append(codes, rule.Code)
			german, english := rule.Description("de"), rule.Description("en")
			if german == "" || english == "" || german == english {
				t.Errorf("%s: descriptions of %s are %q and %q", want.name, rule.Code, german, english)
			}
		}
		if !slices.Equal(codes, want.codes) {
			t.Errorf("%s has the rules %v, want %v", want.name, codes, want.codes)
		}
	}
	rules := named(t, Strict, false).Rules
	for i, want := range []string{"Mindestens 8 Zeichen.", "Höchstens 32 Zeichen."} {
		if got := rules[i].Description("de"); got != want {
			t.Errorf("description is %q, want %q", got, want)
		}
	}
	if got := rules[3].Description("fr"); got != "At least one digit (0-9)." {
		t.Errorf("in a language without texts: %q, want English", got)
	}
}

// Requirement: ID-21
func TestUnknownPolicyIsAClearError(t *testing.T) {
	t.Parallel()
	if len(Names()) != 4 || Names()[0] != Modern {
		t.Errorf("policies are %v, want four, %s first", Names(), Modern)
	}
	for _, name := range Names() {
		named(t, name, false)
	}
	for _, name := range []string{"", "strict", "OTHER"} {
		if _, err := Named(name, false); err == nil || !strings.Contains(err.Error(), "MODERN") {
			t.Errorf("Named(%q): %v, want an error that lists the policies", name, err)
		}
	}
}

// Requirement: ID-10
func TestStrictAgreesWithAnIndependentPredicate(t *testing.T) {
	t.Parallel()
	policy := named(t, Strict, false)
	about := Subject{Username: "erika.muster"}
	var accepted, refused int
	rapid.Check(t, func(t *rapid.T) {
		characters := rapid.SampledFrom([]rune("abcXYZ0189!$/()=?*+#'-_.:,;\u2018\u00b7"))
		if rapid.IntRange(0, 4).Draw(t, "from outside the alphabet") == 0 {
			characters = rapid.OneOf(characters, rapid.SampledFrom([]rune("äÖß\u2019 %&@<\"")), rapid.Rune())
		}
		password := rapid.StringOfN(characters, 0, 36, -1).Draw(t, "password")
		if rapid.IntRange(0, 9).Draw(t, "with user name") == 0 {
			password += rapid.SampledFrom([]string{"Erika", "MUSTER", "erik"}).Draw(t, "part")
		}
		got, want := len(policy.Check(password, about)) == 0, strictByHand(password, "erika", "muster")
		if got != want {
			t.Fatalf("Check(%q) accepts: %v, want %v", password, got, want)
		}
		if got {
			accepted++
		} else {
			refused++
		}
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted and %d refused: one side was never tried", accepted, refused)
	}
}

// strictByHand is ID-10 read once more, by code point and without the package's tables.
func strictByHand(password string, parts ...string) bool {
	var letter, digit, special, count int
	for _, r := range password {
		count++
		switch {
		case r < unicode.MaxASCII && unicode.IsLetter(r):
			letter++
		case r >= '0' && r <= '9':
			digit++
		case r == '!', r == '$', r >= '\'' && r <= ')', r >= '*' && r <= '/', r == ':', r == ';', r == '=', r == '?', r == '#', r == '_', r == 0x2018, r == 0xB7:
			special++
		default:
			return false
		}
	}
	for _, part := range parts {
		if strings.Contains(strings.ToLower(password), part) {
			return false
		}
	}
	return letter > 0 && digit > 0 && special > 0 && count >= 8 && count <= 32
}

// Requirement: ID-11
func TestListOfCommonPasswords(t *testing.T) {
	t.Parallel()
	list := commonPasswords()
	if len(list) < 3000 {
		t.Fatalf("%d common passwords, want at least 3000", len(list))
	}
	for entry := range list {
		if fold(entry) != entry || entry == "" {
			t.Fatalf("%q is in the list but no password, once folded, would be equal to it", entry)
		}
	}
	for _, password := range []string{"123456", "password", "qwertzuiop", "hallo123", "sommer2026", "schalke04", "iloveyou"} {
		if _, listed := list[password]; !listed {
			t.Errorf("%q is not in the list", password)
		}
	}
}
