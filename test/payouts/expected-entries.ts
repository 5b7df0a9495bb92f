// The entries of Alice's month in the journey, reckoned by hand from its orders, payouts and taxes.

/**
 * What, with whom, of which order and line, and what that moves of pending, available, paying,
 * withheld and paid.
 */
export const ENTRIES_OF_ALICE = `
Earned mumu M-1 1 224.00 . . . .
Earned mumu M-1 2 0.56 . . . .
Taken back mumu M-1 2 -0.17 . . . .
Released mumu M-1 1 -224.00 224.00 . . .
Released mumu M-1 2 -0.39 0.39 . . .
Earned haochi 5561 1 3703.50 . . . .
Released haochi 5561 1 -3703.50 3703.50 . . .
Taken back haochi 5561 1 . -103.50 . . .
Earned mumu E-1 1 61.60 . . . .
Set aside for a payout haochi . . . -3600.00 3600.00 . .
Set aside for a payout mumu . . . -224.39 224.39 . .
Tax withheld haochi . . . . -569.39 569.39 .
Tax withheld mumu . . . . -35.49 35.49 .
Paid out haochi . . . . -3030.61 . 3030.61
Paid out mumu . . . . -188.90 . 188.90
Returned by the bank haochi . . . 3030.61 . . -3030.61
Returned by the bank mumu . . . 188.90 . . -188.90
Returned by the bank haochi . . . 569.39 . -569.39 .
Returned by the bank mumu . . . 35.49 . -35.49 .
Taken back mumu M-1 1 . -56.00 . . .
Set aside for a payout haochi . . . -3600.00 3600.00 . .
Set aside for a payout mumu . . . -168.39 168.39 . .
Tax withheld haochi . . . . -567.15 567.15 .
Tax withheld mumu . . . . -26.53 26.53 .
Paid out haochi . . . . -3032.85 . 3032.85
Paid out mumu . . . . -141.86 . 141.86
`;
