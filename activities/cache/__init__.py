"""The one picture of a cluster that an agent keeps, from watches, and what its objects say."""
