// Package phone reads phone numbers.
package phone

import "github.com/nyaruka/phonenumbers"

// Parse gives a phone number with its country, such as "+49 40 66969 301", as E.164 writes it; false
// where it is none.
func Parse(text string) (string, bool) {
	number, err := phonenumbers.Parse(text, "")
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return "", false
	}
	return phonenumbers.Format(number, phonenumbers.E164), true
}
