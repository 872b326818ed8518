//! Cards with files, for tests of the PKCS#15 profile and of modems: [`card`] is one in memory,
//! which keeps to ISO/IEC 7816-4 to the letter and can be a SIM; [`modem`] puts it behind AT
//! commands. `vicc.py` beside the crate runs vsmartcard's, which others wrote.

#![forbid(unsafe_code)]

pub mod card;
pub mod count;
pub mod modem;
