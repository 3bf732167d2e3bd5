package graph

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// A million documents of somebody's take no more room than three hundred, and what is really used
// is at hand all the time, or again with its next use.
//
// Case: GQL-12
func TestAMillionDocumentsPushNothingUsedOut(t *testing.T) {
	ctx, known := t.Context(), newDocuments()
	used := func(i int) string { return fmt.Sprintf("query Used%d { viewer { id } }", i) }
	const real, many = 50, 1_000_000
	for i := range real {
		known.Add(ctx, used(i), &ast.QueryDocument{})
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	missed := 0
	for i := range many {
		known.Add(ctx, fmt.Sprintf("{ a%d: __typename }", i), &ast.QueryDocument{})
		if i%5 == 0 { // one of six requests is real
			if _, found := known.Get(ctx, used(i/5%real)); !found {
				missed++
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if missed > 0 {
		t.Errorf("%d real operations were not at hand", missed)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("they take %d bytes", grown)
	}
	kept := 0
	for i := range many {
		if _, found := known.Get(ctx, fmt.Sprintf("{ a%d: __typename }", i)); found {
			kept++
		}
	}
	if kept > maxDocuments {
		t.Errorf("%d are kept", kept)
	}
	// All of them are strangers now, and the first use of each brings it back.
	for i := range many / 1000 {
		known.Add(ctx, fmt.Sprintf("{ b%d: __typename }", i), &ast.QueryDocument{})
	}
	if _, found := known.Get(ctx, used(0)); found {
		t.Error("nothing is ever pushed out")
	}
	known.Add(ctx, used(0), &ast.QueryDocument{})
	if _, found := known.Get(ctx, used(0)); !found {
		t.Error("what is used does not come back")
	}
	long := "{ __typename }" + strings.Repeat(" ", maxKept)
	known.Add(ctx, long, &ast.QueryDocument{})
	if _, found := known.Get(ctx, long); found {
		t.Error("what is too long is kept")
	}
	runtime.KeepAlive(known)
}
