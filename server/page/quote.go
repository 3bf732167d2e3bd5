package page

import "net/http"

// QuotePath is the page that the links of quotes lead to.
const QuotePath = "/quote"

// quoteView is the page behind the link of a quote, with the operations that its script sends.
type quoteView struct {
	Language string
	Text     texts
	Quote    map[string]string
	States   []string
}

var quoteOperations = map[string]string{
	"show": `query ($token: String!) { quote: quoteByToken(token: $token) { number state validUntil note seller { name } net { amount currency } tax { amount currency }
  gross { amount currency } items { product { name } quantity unit unitPrice { amount currency } lineTotal { amount currency } } } }`,
	"accept":  `mutation ($input: AcceptQuoteInput!) { done: acceptQuote(input: $input) { order { number } errors { message } } }`,
	"decline": `mutation ($input: DeclineQuoteInput!) { done: declineQuote(input: $input) { quote { number } errors { message } } }`,
}

// Quote is the page behind the link of a quote: it shows the quote, and whoever has the link
// accepts or declines it. As with Form, the token stays in the browser.
func (p *Page) Quote() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := language(r)
		render(w, p.quote, quoteView{Language: l, Text: p.texts[l], Quote: quoteOperations, States: []string{"OPEN", "ACCEPTED", "DECLINED", "EXPIRED"}},
			"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'")
	})
}
