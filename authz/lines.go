package authz

import (
	"regexp"
	"slices"
)

// Line is a line of the policy: the role may do the action on what it has the relation to.
type Line struct {
	Role     Role
	Action   string
	Relation Relation
}

// Lines are the lines of policy.csv, in their order: for the documentation.
func Lines() ([]Line, error) {
	p, err := load()
	if err != nil {
		return nil, err
	}
	return slices.Clone(p.lines), nil
}

// explained is a line of the comment at the head of policy.csv that says what a relation is.
var explained = regexp.MustCompile(`(?m)^# (?:relation)? +([a-z]+) +(.+)$`)

// Meaning is what policy.csv says about each relation.
func Meaning() map[Relation]string {
	meaning := map[Relation]string{}
	for _, match := range explained.FindAllStringSubmatch(policyText, -1) {
		if relation := Relation(match[1]); slices.Contains(relations, relation) {
			meaning[relation] = match[2]
		}
	}
	return meaning
}

// Relations are all relations, from the narrowest to the widest.
func Relations() []Relation { return slices.Clone(relations) }
