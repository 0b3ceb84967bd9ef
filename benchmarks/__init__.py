"""Speed, memory and bytes of the program, beside others: tables in results/. What methods do to pictures is in studies/."""
