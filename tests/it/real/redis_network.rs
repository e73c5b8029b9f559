//! The network between a gateway and its Redis goes silent, breaks and slows down, and Redis
//! itself stops: answers stay bounded in time and say 503, readiness says so, and all is well
//! again by itself.
