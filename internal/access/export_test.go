package access

// NameTarget names a user for transfers, without the search that finds it.
var NameTarget = (*Service).nameTarget
