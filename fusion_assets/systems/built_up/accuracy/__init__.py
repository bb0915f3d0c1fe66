"""How good the maps are: nested evaluation, what each sensor contributes, regions never seen."""
