package password

import (
	"fmt"
	"slices"
)

// Names of the policies (ID-10, ID-11). A tenant has one.
const (
	// Strict is the portals' classic rule: short, composed, restricted alphabet.
	Strict = "STRICT"
	// Basic asks for a length and refuses common passwords.
	Basic = "BASIC"
	// Modern is the default for new tenants: long, any Unicode, not common.
	Modern = "MODERN"
	// PinOTP is digits only, valid only together with a one-time code.
	PinOTP = "PIN_OTP"
)

// HistoryLength is how many former passwords, besides the current one, a new
// password must differ from (ID-10).
const HistoryLength = 5

// maxCharacters is the longest password where the policy does not set its own limit.
const maxCharacters = 128

// Subject is what a policy knows about the person whose password it is. Empty
// fields are not looked at.
type Subject struct {
	Username     string
	Email        string
	FirstName    string
	LastName     string
	Organization string
}

// Policy is a set of rules for passwords, readable before typing. Lengths are in
// characters (code points) after NFKC normalisation.
type Policy struct {
	Name      string
	MinLength int
	MaxLength int
	// OneTimeCodeRequired is true where the password counts only together with a
	// time-based one-time code at every login (ID-11).
	OneTimeCodeRequired bool
	Rules               []Rule
}

// Names are the policies a tenant can choose from, the default first.
func Names() []string { return []string{Modern, Basic, Strict, PinOTP} }

// Named is the policy of that name. With oneTimeCodes, MODERN is content with 8
// characters instead of 15; the others are the same either way (ID-11).
func Named(name string, oneTimeCodes bool) (Policy, error) {
	switch name {
	case Strict:
		return newPolicy(Strict, 8, 32, letterMissing, digitMissing, specialMissing, forbiddenCharacter, containsUsername), nil
	case Basic:
		return newPolicy(Basic, 8, maxCharacters, common), nil
	case Modern:
		least := 15
		if oneTimeCodes {
			least = 8
		}
		return newPolicy(Modern, least, maxCharacters, common), nil
	case PinOTP:
		policy := newPolicy(PinOTP, 8, maxCharacters, notDigits)
		policy.OneTimeCodeRequired = true
		return policy, nil
	}
	return Policy{}, fmt.Errorf("unknown password policy %q: choose one of %v", name, Names())
}

// newPolicy puts the rules about length before, and the one about reuse after,
// those that make the policy.
func newPolicy(name string, least, most int, rules ...Rule) Policy {
	return Policy{
		Name: name, MinLength: least, MaxLength: most,
		Rules: slices.Concat([]Rule{tooShort(least), tooLong(most)}, rules, []Rule{reused}),
	}
}

// Check returns the codes of all rules the password breaks, in the order of the
// rules; none if it may be used. PASSWORD_REUSED is not among them: it needs the
// stored hashes, so the caller asks Hasher.MatchesAny and appends CodeReused.
func (p Policy) Check(password string, about Subject) []string {
	var broken []string
	for _, rule := range p.Rules {
		if rule.broken != nil && rule.broken(password, about) {
			broken = append(broken, rule.Code)
		}
	}
	return broken
}
