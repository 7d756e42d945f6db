"""Double entry: where every rupiah is. Pure: no files, no database, no clock.

A *transfer* moves money between accounts; its *legs* sum to zero (debit positive, credit negative). It is POSTED at
once, or PENDING until a later transfer without legs settles it: POSTED makes its legs count, VOIDED takes them away.
Nothing is changed or deleted; a mistake is corrected by one more transfer.
"""
