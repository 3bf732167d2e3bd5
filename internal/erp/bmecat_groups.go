package erp

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The bounds of the tree of groups, and of where the products are in it: the only thing of a
// catalogue that is kept in memory as a whole.
const (
	maxGroups     = 100_000
	maxPlaces     = 1_000_000
	maxGroupDepth = 32
	maxGroupID    = 250 // characters; BMEcat allows 50
)

// groups is CATALOG_GROUP_SYSTEM, and in which of its groups each product is.
type groups struct {
	tree map[string]group
	// ids numbers the groups that products are in: a number takes less room than its name, a
	// million times.
	ids    map[string]int32
	names  []string
	places map[string]int32
}

type group struct {
	name, parent string
	root         bool
	line         int
}

func newGroups() *groups {
	return &groups{tree: map[string]group{}, ids: map[string]int32{}, places: map[string]int32{}}
}

// readTree reads the groups within CATALOG_GROUP_SYSTEM.
func (g *groups) readTree(m *markup, language string) error {
	for {
		start, err := m.child()
		if err != nil || start == nil {
			return atEnd(err)
		}
		if start.Name.Local != "CATALOG_STRUCTURE" {
			if err := m.skip(); err != nil {
				return err
			}
			continue
		}
		e, err := m.read(*start)
		if err != nil {
			return err
		}
		id := e.say("GROUP_ID")
		if id == "" || len(id) > maxGroupID {
			return fmt.Errorf("line %d: GROUP_ID is missing or longer than %d bytes", e.line, maxGroupID)
		}
		if _, again := g.tree[id]; again {
			return fmt.Errorf("line %d: there is another CATALOG_STRUCTURE with the GROUP_ID %s", e.line, quote(id))
		}
		if len(g.tree) >= maxGroups {
			return fmt.Errorf("line %d: the catalogue has more than %d groups", e.line, maxGroups)
		}
		name := []rune(oneLine(e.in(language, "GROUP_NAME")))
		one := group{root: e.attr("type") == "root", line: e.line}
		one.name = strings.ReplaceAll(string(name[:min(len(name), maxGroupID)]), ">", "›") // > separates the names of a path
		if !one.root {
			one.parent = e.say("PARENT_ID")
		}
		g.tree[id] = one
	}
}

// place reads *_TO_CATALOGGROUP_MAP. A product in several groups is where it is first.
func (g *groups) place(m *markup, start xml.StartElement) error {
	e, err := m.read(start)
	if err != nil {
		return err
	}
	product, in := e.say("PROD_ID"), e.say("CATALOG_GROUP_ID")
	if _, there := g.places[product]; there || product == "" || in == "" || e.attr("mode") == "delete" {
		return nil
	}
	if len(product) > maxGroupID || len(in) > maxGroupID {
		return fmt.Errorf("line %d: a number is longer than %d bytes", e.line, maxGroupID)
	}
	if len(g.places) >= maxPlaces {
		return fmt.Errorf("line %d: more than %d products are put in groups: split the catalogue", e.line, maxPlaces)
	}
	n, known := g.ids[in]
	if !known {
		if len(g.ids) >= maxGroups {
			return fmt.Errorf("line %d: products are in more than %d groups", e.line, maxGroups)
		}
		n = int32(len(g.names))
		g.ids[in], g.names = n, append(g.names, in)
	}
	g.places[product] = n
	return nil
}

// complete looks whether each group hangs in a tree.
func (g *groups) complete() error {
	depths := map[string]int{}
	for id, one := range g.tree {
		var way []string
		at, there := id, true
		for ; there && depths[at] == 0 && len(way) <= maxGroupDepth; _, there = g.tree[at] {
			way = append(way, at)
			at = g.tree[at].parent
		}
		if depths[at]+len(way) > maxGroupDepth {
			return fmt.Errorf("line %d: the CATALOG_STRUCTURE %s is among its own PARENT_IDs, or deeper than %d levels", one.line, quote(id), maxGroupDepth)
		}
		for i, passed := range way {
			depths[passed] = depths[at] + len(way) - i
		}
	}
	return nil
}

// path are the names of a product's group and those above it, from below the root. A product that
// hangs at the root itself has its name.
func (g *groups) path(product string) (path string, bad *RowError) {
	n, placed := g.places[product]
	if !placed {
		return "", flaw(CodeGroupMissing)
	}
	id := g.names[n]
	if _, there := g.tree[id]; !there {
		return "", flaw(CodeGroupUnknown, quote(id))
	}
	var names []string
	for at, there := g.tree[id]; there; at, there = g.tree[at.parent] {
		if at.root && len(names) > 0 || len(names) > maxGroupDepth {
			break
		}
		names = append([]string{at.name}, names...)
	}
	return strings.Join(names, " > "), nil
}
