"""How a chunk takes over from the one under way, as rooms that do not know each other name it."""

# See control.chunk_schedule and learning.latent_join.
JOINS = ('replace', 'ensemble', 'latent')
# Gradient steps of 'latent' where nobody asks for another number.
JOIN_STEPS = 3
