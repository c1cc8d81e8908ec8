"""How demand models are fitted: numerical functions of arrays that return frozen results; nothing here is stored."""
